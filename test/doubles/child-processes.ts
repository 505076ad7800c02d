// Processes that a process started and that run now.
import { readdirSync, readFileSync } from 'node:fs';

/** Read from every process's own line: not every kernel lists the children of one. */
export function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It has ended between being listed and being read.
    return undefined;
  }
}
