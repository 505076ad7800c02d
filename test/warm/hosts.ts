/**
 * Warm processes for the work of worker processes: each of these would load Node.js modules and
 * libtorch for a second of processor time, which is more than toys train. The processes of a
 * command stay what they are to it; those of the worker leave their work to one that has been used
 * before, and that dies where they are killed. For tests of results; what a process takes and how
 * it ends by itself is for tests without it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';
import { type FromHost, hostsVariable, type ToHost } from './messages.ts';

interface WarmHosts extends Disposable {
  /** Environment of a command whose workers are to be warm. */
  readonly variables: Readonly<Record<string, string>>;
}

export async function startHosts(): Promise<WarmHosts> {
  const path = join(tmpdir(), `anneal-hosts-${process.pid}.sock`);
  const all = new Set<ChildProcess>();
  const idle: ChildProcess[] = [];
  const start = (): ChildProcess => {
    const host = fork(join(import.meta.dirname, 'host.ts'), {
      execArgv: [...workerNodeArguments('train')],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    all.add(host);
    host.once('exit', () => all.delete(host));
    return host;
  };
  const server = createServer((socket) => {
    const host = idle.pop() ?? start();
    lend(host, socket, () => idle.push(host));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const hook = join(import.meta.dirname, 'hook.ts');
  return {
    variables: {
      [hostsVariable]: path,
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${hook}`,
    },
    [Symbol.dispose]() {
      server.close();
      for (const host of all) host.kill('SIGKILL');
      rmSync(path, { force: true });
    },
  };
}

/** Until its work has ended, or the process that it works for has been killed. */
function lend(host: ChildProcess, socket: Socket, done: () => void): void {
  let hasEnded = false;
  const say = (message: FromHost): void => {
    hasEnded ||= message.type === 'ended';
    socket.write(`${JSON.stringify(message)}\n`);
    if (!hasEnded) return;
    host.off('message', say).off('exit', leave);
    done();
  };
  const leave = (): void => void socket.destroy();
  host.on('message', say).once('exit', leave);
  const lines = createInterface({ input: socket }).on('line', (line) => {
    const message: ToHost = JSON.parse(line);
    if (!hasEnded && host.connected) host.send(message);
  });
  // Whoever is killed resets the connection.
  for (const end of [lines, socket]) end.on('error', leave);
  socket.once('close', () => {
    if (!hasEnded) host.kill('SIGKILL');
  });
}
