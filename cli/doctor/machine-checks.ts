// Checks of this machine: program, processor, memory, disk.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { passedMs } from '../process/clock.ts';
import { bytes } from '../terminal/numbers.ts';
import type { Check } from './check.ts';

export interface MachineFacts {
  readonly nodeVersion: string;
  readonly platform: string;
  readonly arch: string;
  readonly cores: number;
  /** Threads of a run; undefined: all cores. */
  readonly threads: number | undefined;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

const oldestNode = [24, 12] as const;

export function checkNode({ nodeVersion, platform, arch }: MachineFacts): Check {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [oldMajor, oldMinor] = oldestNode;
  const observed = `${nodeVersion} on ${platform} ${arch}`;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) {
    return { name: 'Node.js', state: 'Passed', observed };
  }
  const fix = `npm ci brings ${oldMajor}.${oldMinor} or newer; npm start uses it`;
  return { name: 'Node.js', state: 'Failed', observed, fix };
}

export function checkProcessor({ cores, threads }: MachineFacts): Check {
  const used = threads ?? cores;
  const observed = `${cores} ${cores === 1 ? 'core' : 'cores'}, ${used} used by a run`;
  if (used <= cores) return { name: 'processor', state: 'Passed', observed };
  const fix = `ANNEAL_THREADS is ${used}; more threads than cores slow a run down`;
  return { name: 'processor', state: 'Warning', observed, fix };
}

/** The demo takes about 1 GiB, including its worker process. */
const leastFreeBytes = 2 * 2 ** 30;

export function checkMemory({ totalBytes, freeBytes }: MachineFacts): Check {
  const observed = `${bytes(freeBytes)} free of ${bytes(totalBytes)}`;
  if (freeBytes >= leastFreeBytes) return { name: 'memory', state: 'Passed', observed };
  const fix = 'close other programs; anneal estimate FILE tells what a job needs';
  return { name: 'memory', state: 'Warning', observed, fix };
}

/** libtorch, the build and a small model. */
const leastDiskBytes = 2 * 2 ** 30;

export async function checkCache(
  folder: string,
  freeBytes: (folder: string) => Promise<number>,
): Promise<Check> {
  const free = await freeBytes(folder);
  const { size, isWhole } = await sizeOf(folder);
  const held = `${isWhole ? '' : 'more than '}${bytes(size)}`;
  const observed = `${held} in ${folder}, ${bytes(free)} free on its disk`;
  if (free >= leastDiskBytes) return { name: 'cache', state: 'Passed', observed };
  const fix = 'free some space, or set ANNEAL_CACHE to a folder on a larger disk';
  return { name: 'cache', state: 'Warning', observed, fix };
}

/** Measuring a large cache must not delay the answer longer. */
const sizeMs = 1_500;

/** Other processes write in the folder: a file that disappears meanwhile counts as empty. */
async function sizeOf(folder: string): Promise<{ size: number; isWhole: boolean }> {
  const until = passedMs() + sizeMs;
  const folders = [folder];
  let size = 0;
  for (let here = folders.pop(); here !== undefined; here = folders.pop()) {
    if (passedMs() > until) return { size, isWhole: false };
    const location = here;
    const entries = await readdir(location, { withFileTypes: true }).catch(() => []);
    const sizes = entries.map(async (entry) => {
      if (entry.isDirectory()) folders.push(join(location, entry.name));
      if (!entry.isFile()) return 0;
      const found = await stat(join(location, entry.name)).catch(() => undefined);
      return found?.size ?? 0;
    });
    for (const each of await Promise.all(sizes)) size += each;
  }
  return { size, isWhole: true };
}
