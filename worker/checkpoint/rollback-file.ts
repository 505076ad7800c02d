// What a rollback changed, beside the checkpoint that it went back to: a checkpoint is never
// changed, and the run may be killed before the next one. A file that cannot be read costs only the
// replay of that rollback.
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

/** Nothing where nobody went back to this checkpoint. */
export async function readRollback(folder: string): Promise<Partial<RollbackAccount>> {
  try {
    return rollbackAccount.parse(JSON.parse(await readFile(join(folder, rollbackName), 'utf8')));
  } catch {
    return {};
  }
}
