/**
 * A cache entry is a folder that exists whole or not at all: made in a staging folder beside its
 * place by one process at a time, then renamed. Space is looked at before anything is fetched.
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
  /** Bytes needed on its disk while it is made. */
  readonly bytes: number;
  make(staging: string): Promise<void>;
}

/** The folder of the entry, made now if it is not there. */
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
      await rename(staging, entry.folder);
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      // A lock that was wrongly taken for stale: the other process was faster.
      if (!existsSync(entry.folder)) throw error;
    }
    return entry.folder;
  });
}

/** What a killed process left; the lock is ours, so nobody uses it. */
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
    message: `${folder} has ${megabytes(free)} free; ${name} needs ${megabytes(bytes)} while it is made`,
    hint: 'free some disk space, or set ANNEAL_CACHE to a folder on a larger disk',
  });
}
