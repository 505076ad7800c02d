// Processes of pods of our cluster, whose nodes are this machine: found by the variables that every
// container of a job has, or by the control group of the pod.
import { readdirSync, readFileSync } from 'node:fs';
import { podVariable } from '../../crds/wire/pod.ts';

type What = 'supervisor' | 'trainer';

const argument = { supervisor: 'supervise', trainer: 'train' } as const;

/** Sends a signal to a process of the pod, or to all of it; how many there were. */
export function signalPod(podUid: string, name: NodeJS.Signals, what?: What): number {
  return processIdsOf(podUid, what).filter((pid) => isSignalled(pid, name)).length;
}

/** Not where it has ended since it was listed: with the first of a container all others end. */
function isSignalled(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** kill -9 to all of a pod of a worker. */
export function killPod(podUid: string): void {
  if (signalPod(podUid, 'SIGKILL') === 0) throw new Error(`nothing runs in pod ${podUid}`);
}

export function processIdsOf(podUid: string, what?: What): readonly number[] {
  return processesOf(podUid)
    .filter(({ words }) => what === undefined || words.includes(argument[what]))
    .map(({ pid }) => pid);
}

/** kill -9 to all that runs in the containers of a pod of any kind; kubelet starts them again. */
export function killContainers(podUid: string): void {
  const isOfPod = (name: string) =>
    read(name, 'cgroup').some((text) => text.replaceAll('_', '-').includes(`pod${podUid}`));
  // The one that keeps the network of a pod is none of its containers.
  const found = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && isOfPod(name) && !read(name, 'cmdline').includes('/pause'),
  );
  const killed = found.filter((name) => isSignalled(Number(name), 'SIGKILL'));
  if (killed.length === 0) throw new Error(`nothing runs in pod ${podUid}`);
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

function read(pid: string, file: 'environ' | 'cmdline' | 'cgroup'): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    // It has ended between being listed and being read.
    return [];
  }
}
