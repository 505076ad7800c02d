// What the kernel says of the memory of this container. Control groups of both versions: with
// version 1 a child that is killed for memory leaves no trace in the status of the pod, so the
// count of such kills is the only evidence.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const files = {
  kills: ['memory.events', 'memory/memory.oom_control'],
  limit: ['memory.max', 'memory/memory.limit_in_bytes'],
} as const;

export interface ControlGroup {
  /** Processes of the container that were killed for memory so far. */
  memoryKills(): number;
  /** Undefined where there is no limit. */
  memoryLimit(): number | undefined;
}

/** `root` is where control groups are mounted. */
export function controlGroup(root = '/sys/fs/cgroup'): ControlGroup {
  return {
    memoryKills: () => Number(/^oom_kill (\d+)$/m.exec(read(root, files.kills))?.[1] ?? 0),
    memoryLimit() {
      const limit = Number.parseInt(read(root, files.limit), 10);
      // Version 1 writes a number near 2^63 for "none".
      return Number.isFinite(limit) && limit < 2 ** 60 ? limit : undefined;
    },
  };
}

function read(root: string, names: readonly string[]): string {
  for (const name of names) {
    try {
      return readFileSync(join(root, name), 'utf8');
    } catch {
      // The other version, or no control group at all: macOS.
    }
  }
  return '';
}
