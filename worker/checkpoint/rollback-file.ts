// What a rollback changed, stored beside the checkpoint that it restored: checkpoints are
// immutable, and the run may be killed before the next one. An unreadable file costs only a
// repetition of the rollback.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AtomicFile } from '../files/atomic-file.ts';
import { type RollbackAccount, rollbackAccount } from './trainer-state.ts';

const rollbackName = 'rollback.json';

export async function writeRollback(folder: string, account: RollbackAccount): Promise<void> {
  await using file = await AtomicFile.create(join(folder, rollbackName));
  await file.write(Buffer.from(`${JSON.stringify(rollbackAccount.parse(account))}\n`));
  await file.commit();
}

/** Empty where no rollback restored this checkpoint. */
export async function readRollback(folder: string): Promise<Partial<RollbackAccount>> {
  try {
    return rollbackAccount.parse(JSON.parse(await readFile(join(folder, rollbackName), 'utf8')));
  } catch {
    return {};
  }
}
