// Processes of pods of our cluster, whose nodes are this machine: found by the variables that every container of a job has.
import { readdirSync, readFileSync } from 'node:fs';
import { podVariable } from '../../crds/wire/pod.ts';

type What = 'supervisor' | 'trainer';

const argument = { supervisor: 'supervise', trainer: 'train' } as const;

/** Sends a signal to a process of the pod, or to all of it; how many there were. */
export function signalPod(podUid: string, name: NodeJS.Signals, what?: What): number {
  const found = processesOf(podUid).filter(
    ({ words }) => what === undefined || words.includes(argument[what]),
  );
  for (const { pid } of found) process.kill(pid, name);
  return found.length;
}

function processesOf(podUid: string) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const environment = read(name, 'environ');
      if (!environment.includes(`${podVariable.podUid}=${podUid}`)) return [];
      return [{ pid: Number(name), words: read(name, 'cmdline') }];
    });
}

function read(pid: string, file: 'environ' | 'cmdline'): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    // It has ended between being listed and being read.
    return [];
  }
}
