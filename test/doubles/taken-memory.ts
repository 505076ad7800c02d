// The memory of a container as the machine sees it from outside, and something that takes what is
// left of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const mounted = '/sys/fs/cgroup';

/** Of the container that a process is in. Control groups of both versions. */
export function memoryOfContainer(pid: number) {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const first = lines.map((line) => /^\d+:memory:(.*)$/.exec(line)?.[1]).find(Boolean);
  const second = lines.map((line) => /^0::(.*)$/.exec(line)?.[1]).find(Boolean);
  const folder = first === undefined ? join(mounted, second ?? '') : join(mounted, 'memory', first);
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  const number = (file: string) => Number.parseInt(text(file), 10);
  const kept = (line: RegExp) => Number(line.exec(text('memory.stat'))?.[1] ?? 0);
  const isFirst = first !== undefined;
  const limit = number(isFirst ? 'memory.limit_in_bytes' : 'memory.max');
  const used = () =>
    number(isFirst ? 'memory.usage_in_bytes' : 'memory.current') -
    kept(/^active_file (\d+)$/m) -
    kept(/^inactive_file (\d+)$/m);
  return {
    limit,
    /** Bytes that the kernel cannot take back. */
    used,
    /** Times that the kernel has killed there. */
    kills: () =>
      Number(
        /^oom_kill (\d+)$/m.exec(text(isFirst ? 'memory.oom_control' : 'memory.events'))?.[1] ?? 0,
      ),
    /** Takes so many bytes, as a member of the container, until it is disposed of. */
    async take(bytes: number): Promise<Disposable> {
      const args = ['-c', hold, folder, String(Math.ceil(bytes)), `/dev/shm/anneal-taken-${pid}`];
      const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
      return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
    },
  };
}

// A file in memory counts for who wrote it, and goes with the last process that has it open.
const hold = [
  ...['echo $$ > $0/cgroup.procs', 'exec 3> $2', 'rm $2', 'head -c $1 /dev/zero >&3'],
  ...['echo held', 'exec sleep 3600'],
].join('; ');
