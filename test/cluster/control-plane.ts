// Killing and restarting parts of our own cluster. Nothing restarts them by itself: their command
// lines are read from the process first.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { kubeconfig, programs } from './access.ts';

const state = () => dirname(kubeconfig);
const processIds = '/run/anneal-cluster';

/** Whether the cluster is ours to break. */
export const isOurs = programs !== undefined;

export interface Part {
  kill(): void;
  restart(): Promise<void>;
}

export async function partOf(name: string): Promise<Part> {
  const pidFile = join(processIds, `${name}.pid`);
  const pid = Number(await readFile(pidFile, 'utf8'));
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8'))
    .split('\0')
    .filter((each) => each !== '');
  const network = await networkOf(pid);
  return {
    kill: () => process.kill(pid, 'SIGKILL'),
    restart: async () => {
      const log = join(state(), `log/${name}.log`);
      const enter = network === undefined ? [] : ['nsenter', `--net=${network}`];
      const [file = '', ...args] = [...enter, ...command];
      const out = openSync(log, 'a');
      const child = spawn(file, args, {
        env: { PATH: `${join(programs ?? '', 'bin')}:${process.env['PATH']}` },
        detached: true,
        stdio: ['ignore', out, out],
      });
      child.unref();
      // As the others: found by whoever takes the cluster down.
      for (const group of ['/sys/fs/cgroup/pids/anneal/host', '/sys/fs/cgroup/anneal/host']) {
        await writeFile(join(group, 'cgroup.procs'), String(child.pid)).catch(() => undefined);
      }
      await writeFile(pidFile, String(child.pid));
    },
  };
}

const networks = '/run/netns';

/** The network of a node that a process is in; undefined for one of the host. */
async function networkOf(pid: number): Promise<string | undefined> {
  const { ino } = await stat(`/proc/${pid}/ns/net`);
  for (const name of await readdir(networks).catch(() => [])) {
    const path = join(networks, name);
    if ((await stat(path)).ino === ino) return path;
  }
  return undefined;
}
