// One `anneal run` at a time in a run folder. The lock is SQLite's lock on an empty file: the
// kernel ties it to the process, however that ends. So no stale lock remains, and no process id has
// to be checked.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../../crds/index.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { StoredRun } from './run-store.ts';

/** Long enough for another command to look through the runs of a job and create one. */
const lockWaitMs = 10_000;
/** Far longer than checking whether a run is locked. */
const checkMs = 1_000;

/** Waits until no other command selects or creates a run of this job. */
export function lockJob(cache: string, job: string, kind = 'runs'): Disposable {
  const path = join(cache, kind, job, 'job.lock');
  mkdirSync(dirname(path), { recursive: true });
  const lock = lockFile(path, lockWaitMs);
  if (lock !== 'busy') return lock;
  throw new UserError({
    code: 'E_CONFLICT',
    message: `another command has held the runs of ${job} for ${lockWaitMs / 1000} seconds; only one command may at a time`,
    hint: 'run the command again; if that fails, end the other one',
  });
}

/** What else owns a numbered folder. */
interface Owned extends Pick<StoredRun, 'folder' | 'number'> {
  readonly record: { readonly name: string };
}

/** Locks the run for this command until disposed. */
export function lockRun({ folder, number, record }: StoredRun | Owned): Disposable {
  const lock = lockFile(join(folder, runFiles.runLock), checkMs);
  if (lock !== 'busy') return lock;
  throw new UserError({
    code: 'E_CONFLICT',
    message: `run ${number} of ${record.name} is in progress in another process (${folder}); only one may train it`,
    hint: 'wait for it, or stop it with Ctrl-C where it was started',
  });
}

/** Whether a command owns the run. It holds the lock for a moment, which `lockRun` waits out. */
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
/**
 * Nothing is ever written: without a file for the journal, locking works on a full disk. Node.js
 * opens databases in a mode that ignores `OFF`.
 */
const exclusively = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';
