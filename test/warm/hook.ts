/**
 * Node loads it first in every process of a command (`--import`). In a process of the worker it
 * leaves the work to a warm process (hosts.ts) and passes on what both sides say; others it leaves
 * alone. It ends as the work ends, and whoever kills it kills the work.
 */
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { type FromHost, hostsVariable, type ToHost, workerMain } from './messages.ts';

const place = process.env[hostsVariable];
if (place !== undefined && process.argv[1] === workerMain) await passOn(place);

async function passOn(path: string): Promise<never> {
  const socket = createConnection(path);
  const tell = (message: ToHost): void => void socket.write(`${JSON.stringify(message)}\n`);
  const { env, argv } = process;
  tell({ type: 'begin', args: argv.slice(2), cwd: process.cwd(), env: { ...env } });
  process.on('message', (order) => tell({ type: 'order', order }));
  process.on('disconnect', () => tell({ type: 'event', name: 'disconnect' }));
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => tell({ type: 'event', name }));
  }
  for await (const line of createInterface({ input: socket })) {
    const message: FromHost = JSON.parse(line);
    if (message.type === 'said') process.send?.(message.message);
    if (message.type === 'stderr') process.stderr.write(message.text);
    if (message.type === 'ended') await end(message.code);
  }
  // The process that did the work has died.
  process.kill(process.pid, 'SIGKILL');
  return await new Promise<never>(() => {});
}

/** After all that was said has been sent. */
async function end(code: number): Promise<never> {
  process.exitCode = code;
  if (process.connected) process.disconnect();
  await new Promise((resolve) => process.stderr.write('', resolve));
  process.exit(code);
}
