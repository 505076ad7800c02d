// Processor time of a process and those that it started, threads included.
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

interface Known {
  readonly parent: number;
  readonly seconds: number;
}

export function processorSeconds(pid: number): number {
  const all = new Map(readdirSync('/proc').flatMap((name) => known(name)));
  const isOurs = (one: number): boolean => {
    if (one === pid) return true;
    const parent = all.get(one)?.parent;
    return parent !== undefined && parent !== 0 && isOurs(parent);
  };
  return [...all].reduce((sum, [one, { seconds }]) => (isOurs(one) ? sum + seconds : sum), 0);
}

function known(name: string): readonly (readonly [number, Known])[] {
  if (!/^\d+$/.test(name)) return [];
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
    // After the name in parentheses: the parent is the 2nd, utime and stime are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    return [[Number(name), { parent: Number(fields[1]), seconds }]];
  } catch {
    // It ended while we looked.
    return [];
  }
}
