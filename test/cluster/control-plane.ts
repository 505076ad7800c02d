// Killing and restarting parts of our own cluster. Nothing restarts them by itself: their command lines are read from the process first.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
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
  return {
    kill: () => process.kill(pid, 'SIGKILL'),
    restart: async () => {
      const log = join(state(), `log/${name}.log`);
      const [file = '', ...args] = command;
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
