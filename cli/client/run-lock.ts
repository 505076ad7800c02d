// One `anneal run` at a time in the folder of a run. The lock is SQLite's own on an empty file: the
// kernel keeps it for a living process and drops it with the process, however that ends. So nothing
// is ever left over, and nobody has to guess from a process number whether its owner is still
// there.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../../crds/index.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { StoredRun } from './run-store.ts';

/** Long enough for another command to look through the runs of a job and to make one. */
const decidingMs = 10_000;
/** Far longer than it takes to see whether a run is locked. */
const lookingMs = 1_000;

/** Waits until no other command chooses or makes a run of this job. */
export function lockJob(cache: string, job: string): Disposable {
  const path = join(cache, 'runs', job, 'job.lock');
  mkdirSync(dirname(path), { recursive: true });
  const lock = lockFile(path, decidingMs);
  if (lock !== 'busy') return lock;
  throw new UserError({
    code: 'E_CONFLICT',
    message: `another command has been choosing a run of ${job} for ${decidingMs / 1000} seconds; one may at a time`,
    hint: 'run the command again; if it stays so, end the other one',
  });
}

/** The run, for this command alone until it is disposed of. */
export function lockRun({ folder, number, record }: StoredRun): Disposable {
  const lock = lockFile(join(folder, runFiles.runLock), lookingMs);
  if (lock !== 'busy') return lock;
  throw new UserError({
    code: 'E_CONFLICT',
    message: `run ${number} of ${record.name} is in progress in another process (${folder}); only one may train it`,
    hint: 'wait for it, or stop it with Ctrl-C where it was started',
  });
}

/** Whether some command owns the run. It looks for a moment that `lockRun` waits out. */
export function isRunLocked(folder: string): boolean {
  const path = join(folder, runFiles.runLock);
  if (!existsSync(path)) return false;
  const file = new DatabaseSync(path, { timeout: 0, readOnly: true });
  try {
    file.exec('SELECT 1 FROM sqlite_schema');
    return false;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return true;
    throw error;
  } finally {
    file.close();
  }
}

function lockFile(path: string, timeout: number): Disposable | 'busy' {
  const file = new DatabaseSync(path, { timeout });
  try {
    file.exec(exclusively);
    return file;
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === busy) return 'busy';
    throw error;
  }
}

/** SQLITE_BUSY. */
const busy = 5;
/** Nothing is ever written, so nothing needs a journal: a full disk can be locked too. */
const exclusively = 'PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE';
