// Processor time and memory of the processes whose command line has a text in it; those of containers are seen from here too.
import { readdirSync, readFileSync } from 'node:fs';

export interface Used {
  readonly seconds: number;
  readonly residentBytes: number;
}

const ticksPerSecond = 100;
const pageBytes = 4096;

export function usedBy(isOurs: (commandLine: string) => boolean): Used {
  let seconds = 0;
  let residentBytes = 0;
  let count = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (!isOurs(line)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the name in parentheses: utime and stime are the 12th and 13th, pages the 22nd.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      seconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
      residentBytes += Number(fields[21]) * pageBytes;
      count += 1;
    } catch {
      // It ended while we looked.
    }
  }
  if (count === 0) throw new Error('no process of the controller that is measured is running');
  return { seconds, residentBytes };
}
