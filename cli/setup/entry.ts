/**
 * A cache entry is complete or absent: one process at a time builds it in a staging folder, then
 * renames it. Free space is checked before anything is fetched.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { exclusively } from './exclusive.ts';
import type { Setup } from './setup.ts';
import { megabytes } from './steps.ts';

interface Entry {
  /** Absolute path of the finished folder. */
  readonly folder: string;
  /** What becomes the entry, below the staging folder. @default all of it */
  readonly inside?: string;
  /** Bytes needed on its disk during the build. */
  readonly bytes: number;
  make(staging: string): Promise<void>;
}

/** The folder of the entry, built now if it is absent. */
export async function ensureEntry(setup: Setup, entry: Entry): Promise<string> {
  if (existsSync(entry.folder)) return entry.folder;
  const name = basename(entry.folder);
  return exclusively(setup, name, async () => {
    if (existsSync(entry.folder)) return entry.folder;
    const parent = dirname(entry.folder);
    await mkdir(parent, { recursive: true });
    await removeStaging(parent, name);
    await requireSpace(setup, parent, name, entry.bytes);
    const staging = join(parent, `.staging-${name}-${process.pid}`);
    await mkdir(staging);
    try {
      await entry.make(staging);
      await rename(join(staging, entry.inside ?? ''), entry.folder);
      await rm(staging, { recursive: true, force: true });
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      // The lock was wrongly taken for stale, and the other process was faster.
      if (!existsSync(entry.folder)) throw error;
    }
    return entry.folder;
  });
}

/** Leftovers of a killed process; we hold the lock, so no process uses them. */
async function removeStaging(parent: string, name: string): Promise<void> {
  const left = (await readdir(parent)).filter((file) => file.startsWith(`.staging-${name}-`));
  for (const file of left) await rm(join(parent, file), { recursive: true, force: true });
}

async function requireSpace(
  setup: Setup,
  folder: string,
  name: string,
  bytes: number,
): Promise<void> {
  const free = await setup.machine.freeBytes(folder);
  if (free >= bytes) return;
  throw new TerminalError({
    code: 'E_NO_SPACE',
    message: `${folder} has ${megabytes(free)} free; ${name} needs ${megabytes(bytes)} during setup`,
    hint: 'free some disk space, or set ANNEAL_CACHE to a folder on a larger disk',
  });
}
