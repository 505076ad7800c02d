// The bus against a real nats-server: what is written is read, a stale write loses, and a server
// that is killed, frozen or wiped in the middle costs time and nothing else.
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { Bucket } from '../../crds/wire/bucket.ts';
import { Bus } from '../../crds/wire/bus.ts';
import {
  bucket,
  keys,
  republished,
  stream,
  streamSubjects,
  subjects,
} from '../../crds/wire/subjects.ts';
import { arrange } from '../../operator/bus/arrange.ts';
import { eventually } from '../doubles/eventually.ts';
import { cluster, NatsServer, records } from '../doubles/nats-server.ts';

const job = { namespace: 'team-a', uid: '0123-a' };
const subject = subjects.message(cluster, job, 'metrics', 0);

test('a key is created once, replaced only by whoever knows its newest revision, and read back', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await records(bus);
  const key = keys.state(job);
  t.is(await state.get(key), undefined);
  const first = await state.create(key, 'one');
  t.is(typeof first, 'number');
  t.is(await state.create(key, 'other'), false);
  const second = await state.update(key, 'two', Number(first));
  t.true(Number(second) > Number(first));
  t.is(await state.update(key, 'stale', Number(first)), false);
  t.deepEqual(await state.get(key), { value: 'two', revision: Number(second) });
  await state.purge(keys.all(job));
  t.is(await state.get(key), undefined);
});

test('of many that replace one revision at the same time exactly one wins', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await using other = await server.connect('other');
  const both = [await records(bus), await records(other)];
  const key = keys.state(job);
  let revision = Number(await both[0]?.create(key, 0));
  for (let round = 0; round < 20; round += 1) {
    const writes = Array.from({ length: 8 }, (_, i) => both[i % 2]?.update(key, i, revision));
    const won = (await Promise.all(writes)).filter((answer) => answer !== false);
    t.is(won.length, 1);
    revision = Number(won[0]);
  }
});

test('a watch that is stopped while it is being set up ends', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await records(bus);
  const ignored = { entry() {}, ready() {}, again() {} };
  for (let turns = 0; turns < 30; turns += 1) {
    const stop = new AbortController();
    const watch = state.watch(keys.all(job), ignored, stop.signal);
    for (let turn = 0; turn < turns; turn += 1) await setImmediate();
    stop.abort();
    await watch;
  }
  t.pass();
});

test('a connection that a server keeps turning away is lost, and whoever watches hears of it', async (t) => {
  await using server = await NatsServer.start();
  const { url } = server;
  await server.kill();
  await server.start(['--auth', 'known']);
  const as = { url, name: 'test', token: () => 'known' };
  await using bus = await Bus.connect(as, AbortSignal.timeout(30_000));
  await arrange(bus, 1);
  const state = await records(bus);
  using seen = watchAll(state);
  await eventually('the watch begins', () => seen.told.length > 0);
  t.false(bus.connection.lost.aborted);
  await server.kill();
  await server.start(['--auth', 'other']);
  await eventually('it is lost', () => bus.connection.lost.aborted, { withinMs: 30_000 });
  await t.throwsAsync(seen.ended, {
    code: 'E_BUS_UNAVAILABLE',
    message: /turned this connection away/,
  });
  await server.kill();
  await server.start(['--auth', 'known']);
  await using another = await Bus.connect(as, AbortSignal.timeout(30_000));
  t.true(another.connection.connected, 'another one is let in');
});

test('a watcher is told of all keys of its job and of no other, in order', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await records(bus);
  await state.put(keys.desired(job), 'before');
  await state.put(keys.desired({ ...job, uid: 'other' }), 'not ours');
  using seen = watchAll(state);
  await eventually('the first values came', () => seen.told.includes('ready'));
  await state.put(keys.member(job, 1, 0), 'member');
  await eventually('the change came', () => seen.told.length === 3);
  t.deepEqual(seen.told, [
    `${keys.desired(job)}=before`,
    'ready',
    `${keys.member(job, 1, 0)}=member`,
  ]);
});

test('when the server is killed and comes back, every key is read again, with what was written meanwhile', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await records(bus);
  await state.put(keys.desired(job), 'before');
  using seen = watchAll(state);
  await eventually('the first values came', () => seen.told.includes('ready'));
  await server.kill();
  await eventually('the loss is noticed', () => !bus.connection.connected, { withinMs: 40_000 });
  await t.throwsAsync(state.put(keys.desired(job), 'lost'), { code: 'E_BUS_UNAVAILABLE' });
  await server.start();
  await using other = await server.connect('other');
  const others = await records(other);
  await others.put(keys.desired(job), 'meanwhile');
  const began = performance.now();
  await eventually(
    'the watch is complete again',
    () => seen.latest(keys.desired(job)) === 'meanwhile' && seen.told.at(-1) === 'ready',
  );
  t.true(performance.now() - began < 8_000, 'not only when the library finds its silence odd');
  t.true(bus.connection.connected);
  await others.put(keys.desired(job), 'after');
  await eventually('new values come', () => seen.latest(keys.desired(job)) === 'after');
});

test('a server that answers nothing any more is noticed, and so is its return', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const heard: boolean[] = [];
  using _listening = bus.connection.onConnection((connected) => heard.push(connected));
  server.freeze();
  await eventually('the silence is noticed', () => !bus.connection.connected, { withinMs: 40_000 });
  server.thaw();
  await eventually('the connection is back', () => bus.connection.connected, {
    withinMs: 40_000,
  });
  t.deepEqual([heard[0], heard.at(-1)], [false, true]);
});

test('a server that lost its storage can be filled again, and what was there is gone', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await (await records(bus)).put(keys.desired(job), 'before');
  await server.kill();
  await server.wipe();
  await server.start();
  const arranged = () =>
    arrange(bus, 1).then(
      () => true,
      () => false,
    );
  await eventually('buckets can be made', arranged);
  const state = await records(bus);
  using again = watchAll(state);
  await eventually('the watch begins', () => again.told.length > 0);
  t.deepEqual(again.told, ['ready']);
});

test('a message is kept once however often it is sent, and streams outlive whoever wrote into them', async (t) => {
  t.timeout(60_000);
  await using server = await NatsServer.start();
  {
    await using writer = await server.bus();
    for (const id of ['pod/1', 'pod/2', 'pod/1', 'pod/3', 'pod/2'])
      await writer.publish(subject, { id }, id);
    const other = { ...job, uid: 'other' };
    await writer.publish(subjects.message(cluster, other, 'metrics', 0), {}, 'x');
  }
  await server.restart();
  await using reader = await server.connect('reader');
  const most = { messages: 100, bytes: 1e6 };
  const page = await reader.page(stream.metrics, subject, 1, most);
  const ids = page.messages.map(({ value }) => (value as { id: string }).id);
  t.deepEqual([ids, page.left], [['pod/1', 'pod/2', 'pod/3'], 0]);
  const next = (page.messages[0]?.sequence ?? 0) + 1;
  const one = await reader.page(stream.metrics, subject, next, { ...most, messages: 1 });
  t.deepEqual(
    one.messages.map(({ value }) => value),
    [{ id: 'pod/2' }],
  );
  t.true(one.left > 0);
  t.deepEqual(await reader.page(stream.metrics, subject, 99, most), { messages: [], left: 0 });
});

test('streams of an older version get what they lack, and keep the limits that somebody gave them', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.connect('operator');
  const manager = await bus.connection.nats.jetstreamManager();
  const old = { subjects: ['anneal.v1.*.*.metric.>'], max_bytes: 5e6 };
  await manager.streams.add({ name: stream.metrics, ...old });
  await bus.connection.nats.jetstream().views.kv(bucket.state, { history: 64 });
  await arrange(bus, 1);
  const { config } = await manager.streams.info(stream.metrics);
  t.deepEqual(config.subjects, [streamSubjects.metrics]);
  t.is(config.max_bytes, 5e6);
  t.is(config.republish?.dest, republished.messages.dest);
  const { config: kv } = await manager.streams.info(`KV_${bucket.state}`);
  t.is(kv.republish?.dest, republished.records.dest);
  t.true(kv.max_bytes > 0 && (kv.max_msg_size ?? 0) > 0, 'and limits where it had none');
  await arrange(bus, 1);
});

test('two clusters on one bus see and purge their own records alone', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const [ours, theirs] = [await records(bus), await bus.openBucket(bucket.state, 'c2')];
  await ours.put(keys.state(job), 'ours');
  await theirs.put(keys.state(job), 'theirs');
  t.is((await ours.get(keys.state(job)))?.value, 'ours');
  using seen = watchAll(ours, '>');
  await eventually('the first values came', () => seen.told.includes('ready'));
  t.deepEqual(seen.told, [`${keys.state(job)}=ours`, 'ready']);
  await ours.purge('>');
  t.is(await ours.get(keys.state(job)), undefined);
  t.is((await theirs.get(keys.state(job)))?.value, 'theirs');
});

interface Watched extends Disposable {
  /** `key=value`, `ready` and `again`, in the order in which they were told. */
  readonly told: readonly string[];
  latest(key: string): unknown;
  /** Rejects when the watch breaks. */
  readonly ended: Promise<void>;
}

function watchAll(state: Bucket, filter = keys.all(job)): Watched {
  const stop = new AbortController();
  const told: string[] = [];
  const present = new Map<string, unknown>();
  const watcher = {
    entry: (key: string, value: unknown) => {
      told.push(`${key}=${value}`);
      present.set(key, value);
    },
    ready: () => void told.push('ready'),
    again: () => void told.push('again'),
  };
  const ended = state.watch(filter, watcher, stop.signal);
  ended.catch(() => undefined); // for whoever asks
  return {
    ...{ told, ended },
    latest: (key) => present.get(key),
    [Symbol.dispose]: () => stop.abort(),
  };
}
