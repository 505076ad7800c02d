// A disk that is soon full.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';

const run = promisify(execFile);

/** A file system of so many bytes, or the reason why there is none. */
export async function smallDisk(
  t: ExecutionContext,
  folder: string,
  bytes: number,
): Promise<boolean> {
  await mkdir(folder);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  } catch (error) {
    t.log(`not tested: a small file system cannot be mounted here: ${(error as Error).message}`);
    t.pass();
    return false;
  }
  // Before the folder around it is removed.
  t.teardown(() => run('umount', ['-l', folder]));
  return true;
}
