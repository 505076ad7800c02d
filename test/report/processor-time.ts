/**
 * Processor time of processes with all that they started and waited for, and how much of the
 * machine was idle meanwhile: together they say whether a group of tests computes or waits.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts in hundredths of a second, whatever the machine. */
const ticksPerSecond = 100;

/** Seconds; nothing where the system does not tell, or the process is gone. */
export function processorSecondsOf(pid: number | 'self'): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // Its name, which may have spaces and brackets, is before the last of these.
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ');
  const own = fields.slice(11, 15).map(Number);
  return own.reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond;
}

/** Share of all processors that was idle since it was called. */
export function idleSince(now: () => ReturnType<typeof cpus> = cpus): () => number {
  const before = sumOf(now());
  return () => {
    const after = sumOf(now());
    return (after.idle - before.idle) / Math.max(1, after.all - before.all);
  };
}

function sumOf(processors: ReturnType<typeof cpus>): { idle: number; all: number } {
  const times = processors.map((each) => each.times);
  const all = times.flatMap((each) => Object.values(each));
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: all.reduce((sum, ms) => sum + ms, 0),
  };
}
