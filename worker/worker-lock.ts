// One worker at a time in a run folder, or one for each rank: after a killed command its worker may
// still be saving when the command is started again. The lock is SQLite's own on an empty file: the
// kernel drops it with the process, however that ends, and network file systems support it.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../crds/clock.ts';
import { runFiles } from '../crds/wire/run-folder.ts';

const pollMs = 100;
/** SQLITE_BUSY. */
const busy = 5;
/**
 * Nothing is ever written: without a file for the journal, locking works on a full disk. Node.js
 * opens databases in a mode that ignores `OFF`.
 */
const exclusively = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';

/** Waits until this process has the folder; `onWait` is called once if another has it. */
export async function lockWorker(
  folder: string,
  clock: Clock,
  onWait: () => void,
  signal: AbortSignal,
  rank = 0,
): Promise<Disposable> {
  const name = rank === 0 ? runFiles.workerLock : `${rank}.${runFiles.workerLock}`;
  const file = new DatabaseSync(join(folder, name), { timeout: 0 });
  try {
    for (let waited = false; !take(file); waited = true) {
      if (!waited) onWait();
      await clock.sleep(pollMs, signal);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function take(file: DatabaseSync): boolean {
  try {
    file.exec(exclusively);
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return false;
    throw error;
  }
}
