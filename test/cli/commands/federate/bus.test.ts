import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../../../cli/client/free-port.ts';
import { onBus, requireBusFlags } from '../../../../cli/commands/federate/bus.ts';
import type { FederateFlags } from '../../../../cli/commands/federate/command.ts';

const flags: FederateFlags = { output: 'text' };

test('what is for a bus is refused without one', (t) => {
  t.notThrows(() => requireBusFlags(flags));
  t.notThrows(() => requireBusFlags({ ...flags, bus: 'nats://hub', key: 'a', authority: 'b' }));
  for (const one of [{ key: 'a' }, { authority: 'a' }]) {
    t.throws(() => requireBusFlags({ ...flags, ...one }), {
      message: `--${Object.keys(one)[0]} is given without --bus, which it is for`,
    });
  }
  t.throws(() => requireBusFlags({ ...flags, bus: 'nats://hub', makeKeys: 'keys' }), {
    message: /^--make-keys writes keys and ends, and --bus runs a hub or a client/,
  });
});

function viewOf(t: ExecutionContext) {
  return { progress: (_who: string, words: string) => t.log(words), warn: () => t.fail() };
}

test('a stop ends the waiting for a server that is not there', async (t) => {
  const stop = new AbortController();
  const bus = `nats://127.0.0.1:${await freePort()}`;
  const signals = { name: 'hub', stop: stop.signal, view: viewOf(t) };
  const waiting = onBus({ ...flags, bus }, signals, () => Promise.reject(new Error('connected')));
  stop.abort();
  t.deepEqual(await waiting, { type: 'Stopped' });
});

test('files that are no key and no authority are refused by name', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-bus-flags-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'a.key');
  await writeFile(path, 'SUAB\n');
  const signals = { name: 'hub', stop: new AbortController().signal, view: viewOf(t) };
  const act = (one: Partial<FederateFlags>) =>
    onBus({ ...flags, bus: 'nats://hub', ...one }, signals, () => Promise.reject(new Error('no')));
  await t.throwsAsync(() => act({ key: path }), { message: /a\.key has no key of a NATS user/ });
  await t.throwsAsync(() => act({ key: join(folder, 'b.key') }), {
    message: /b\.key cannot be read \(ENOENT\)/,
  });
  await t.throwsAsync(() => act({ authority: join(folder, 'ca.pem') }), {
    message: /ca\.pem cannot be read \(ENOENT\)/,
  });
});
