/**
 * A process that does the work of one process of the worker after another: `main.ts` runs anew each
 * time, on modules and libraries that stay loaded. To it the process looks like one of its own: its
 * arguments, environment, folder, parent and exit code.
 */
import { flushCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Begin, type FromHost, type ToHost, workerMain } from './messages.ts';

type Listener = (...facts: unknown[]) => void;

const events = ['message', 'disconnect', 'SIGTERM', 'SIGINT'] as const;
type Event = (typeof events)[number];

const send = process.send?.bind(process);
const tell = (message: FromHost): void => void send?.(message);
let works = 0;

process.on('message', (message: ToHost) => {
  if (message.type === 'begin') void perform(message);
  if (message.type === 'order') pass('message', message.order);
  if (message.type === 'event') pass(message.name);
});
// Nobody is left who wants the work.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
const own = new Set(events.flatMap((name) => listenersOf(name)));

function listenersOf(name: Event): readonly Listener[] {
  return process.listeners(name as 'message') as unknown as readonly Listener[];
}

/** To what the work listens with. */
function pass(name: Event, ...facts: readonly unknown[]): void {
  for (const listener of listenersOf(name)) if (!own.has(listener)) listener(...facts);
}

async function perform({ args, cwd, env }: Begin): Promise<void> {
  works += 1;
  process.argv.splice(1, process.argv.length, workerMain, ...args);
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  await import(`${pathToFileURL(workerMain)}?work=${works}`);
  for (const name of events) {
    for (const listener of listenersOf(name)) if (!own.has(listener)) process.off(name, listener);
  }
  // A process that is killed at its end keeps nothing, and each one would strip types anew.
  flushCompileCache();
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  tell({ type: 'ended', code });
}

Object.assign(process, {
  send: (message: object) => tell({ type: 'said', message }) ?? true,
  disconnect: () => {},
});
process.stderr.write = (text: string | Uint8Array) => {
  tell({ type: 'stderr', text: String(text) });
  return true;
};
