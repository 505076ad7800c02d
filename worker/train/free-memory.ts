// Memory that this process may still take: what the machine has free, bounded by what its control
// group leaves. Page cache that the kernel can drop counts as free in both; a container that has
// just fetched a model is full of it.
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

export function freeMemory(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  return Math.min(freemem(), ...foldersOf(root, self).flatMap((folder) => leftIn(folder) ?? []));
}

/** Memory that this process can get when nobody else has any. */
export function memoryLimit(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  const limits = foldersOf(root, self).flatMap((folder) => [
    limitIn(join(folder, 'memory.max')),
    limitIn(join(folder, 'memory', 'memory.limit_in_bytes')),
  ]);
  return Math.min(totalmem(), ...limits.filter((limit) => limit < unlimited));
}

/** Control groups of the process, the outermost first. */
function foldersOf(root: string, self: string): readonly string[] {
  const groups = ['', ...(/^0::\/(.+)$/m.exec(read(self)) ?? []).slice(1)];
  return groups.map((group) => join(root, group));
}

/** Version 2 writes `max` for none, version 1 a number near 2^63. */
const unlimited = 2 ** 60;

function limitIn(file: string): number {
  const limit = Number.parseInt(read(file), 10);
  return limit < unlimited ? limit : Number.POSITIVE_INFINITY;
}

/** Undefined where there is no limit, or no control group. */
function leftIn(folder: string): number | undefined {
  return (
    left(folder, 'memory.max', 'memory.current', /^inactive_file (\d+)$/m) ??
    left(
      join(folder, 'memory'),
      'memory.limit_in_bytes',
      'memory.usage_in_bytes',
      /^total_inactive_file (\d+)$/m,
    )
  );
}

function left(folder: string, limitFile: string, useFile: string, cached: RegExp) {
  const limit = limitIn(join(folder, limitFile));
  const use = Number.parseInt(read(join(folder, useFile)), 10);
  if (limit >= unlimited || Number.isNaN(use)) return undefined;
  const droppable = Number(cached.exec(read(join(folder, 'memory.stat')))?.[1] ?? 0);
  return Math.max(0, limit - Math.max(0, use - droppable));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No control group of this version, or another system.
    return '';
  }
}
