// A disk that is soon full.
import { execFile } from 'node:child_process';
import { appendFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';

const run = promisify(execFile);

/** A file system of so many bytes; throws where none can be mounted. */
export async function mountDisk(folder: string, bytes: number): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  return {
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', folder]);
    },
  };
}

/** The same; undefined, with the reason, where none can be mounted. */
export async function tryDisk(
  t: ExecutionContext,
  folder: string,
  bytes: number,
): Promise<AsyncDisposable | undefined> {
  try {
    return await mountDisk(folder, bytes);
  } catch (error) {
    t.log(`not tested: a small file system cannot be mounted here: ${(error as Error).message}`);
    t.pass();
    return undefined;
  }
}

/** Until the test ends; whether there is one. */
export async function smallDisk(
  t: ExecutionContext,
  folder: string,
  bytes: number,
): Promise<boolean> {
  const disk = await tryDisk(t, folder, bytes);
  // Before the folder around it is removed.
  t.teardown(() => disk?.[Symbol.asyncDispose]());
  return disk !== undefined;
}

/** Fills the disk but for so many bytes, while others write to it. */
export function fillDisk(folder: string, leave: number): void {
  const path = join(folder, filler);
  const piece = Buffer.alloc(2 ** 16);
  try {
    for (;;) appendFileSync(path, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  truncateSync(path, statSync(path).size - leave);
}

export function emptyDisk(folder: string): void {
  rmSync(join(folder, filler));
}

const filler = 'filler';
