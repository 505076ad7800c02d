// The bus of a pod while its gateway comes and goes: it looks like a bus that does, and nothing is
// missed.
import test from 'ava';
import { PodBus } from '../../crds/wire/pod-bus.ts';
import { keys } from '../../crds/wire/subjects.ts';
import { eventually } from '../doubles/eventually.ts';
import { NatsServer, records } from '../doubles/nats-server.ts';

const job = { namespace: 'team-a', uid: '0123-a' };
const pod = { job, index: 0, uid: 'pod-a' };

test('a gateway that is away is a bus that is away; when it is back all records are told again', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using operator = await server.bus();
  const state = await records(operator);
  await state.put(keys.job(job), { v: 1, name: 'first', workers: 1 });
  await state.put(keys.desired(job), 'before');
  const options = { url: server.url, name: 'pod', pod };
  await using bus = await PodBus.connect(options, AbortSignal.timeout(30_000));
  const present = new Map<string, unknown>();
  const connections: boolean[] = [];
  using _listening = bus.onConnection((connected) => connections.push(connected));
  let ready = 0;
  const stop = new AbortController();
  const watching = bus.watch(
    {
      entry: (key, value) => present.set(key, value),
      ready: () => {
        ready += 1;
      },
      again: () => present.clear(),
    },
    stop.signal,
  );
  await eventually('all was told', () => ready === 1 && bus.connected);
  await server.stopGateway();
  await eventually('it is missed', () => !bus.connected, { withinMs: 30_000 });
  await t.throwsAsync(bus.get(keys.desired(job)), { code: 'E_BUS_UNAVAILABLE' });
  const told = bus.tell('logs', new TextEncoder().encode('{}'), '1');
  await t.throwsAsync(told, { code: 'E_BUS_UNAVAILABLE' }, 'it is kept for later');
  await state.put(keys.desired(job), 'meanwhile');
  server.startGateway();
  await eventually('it is back', () => bus.connected && ready > 1, { withinMs: 30_000 });
  t.is(present.get(keys.desired(job)), 'meanwhile');
  t.deepEqual([...new Set(connections)], [false, true]);
  stop.abort();
  await watching;
});

test('a change that was not heard is found out', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using operator = await server.bus();
  const state = await records(operator);
  await state.put(keys.job(job), { v: 1, name: 'first', workers: 1 });
  const options = { url: server.url, name: 'pod', pod };
  await using bus = await PodBus.connect(options, AbortSignal.timeout(30_000));
  const seen: unknown[] = [];
  const stop = new AbortController();
  const watcher = {
    entry: (_: string, value: unknown) => seen.push(value),
    ...{ ready: () => seen.push('ready'), again: () => {} },
  };
  const watching = bus.watch(watcher, stop.signal);
  await eventually('all was told', () => seen.includes('ready'));
  // The server says nothing of changes any more, as when one goes that was to pass it on.
  const manager = await operator.connection.nats.jetstreamManager();
  const { config } = await manager.streams.info('KV_anneal_state');
  const { republish: _, ...silent } = config;
  await manager.streams.update('KV_anneal_state', silent);
  await state.put(keys.desired(job), 'unheard');
  await eventually('it is seen', () => seen.includes('unheard'), { withinMs: 60_000 });
  t.true(bus.connected);
  stop.abort();
  await watching;
});
