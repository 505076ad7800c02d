// Processor time and memory of the processes whose command line has a text in it; those of
// containers are seen from here too.
import { readdirSync, readFileSync } from 'node:fs';

export interface Used {
  readonly seconds: number;
  readonly residentBytes: number;
  /** The most that it ever was. */
  readonly peakBytes: number;
}

const ticksPerSecond = 100;

export function usedBy(isOurs: (commandLine: string) => boolean): Used {
  const used = { seconds: 0, residentBytes: 0, peakBytes: 0 };
  let count = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (!isOurs(line)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the name in parentheses: utime and stime are the 12th and 13th.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const bytes = (name: string) =>
        1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
      used.seconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
      used.residentBytes += bytes('VmRSS');
      used.peakBytes += bytes('VmHWM');
      count += 1;
    } catch {
      // It ended while we evaluated.
    }
  }
  if (count === 0) throw new Error('no process of the controller that is measured is running');
  return used;
}
