// The bus against a real nats-server: what is written is read, a stale write loses, and a server that is killed, frozen or wiped in
// the middle costs time and nothing else.
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { type Bucket, Bus, type Message } from '../../crds/wire/bus.ts';
import { bucket, keys, stream, subjects } from '../../crds/wire/subjects.ts';
import { eventually } from '../doubles/eventually.ts';
import { arrange, NatsServer } from '../doubles/nats-server.ts';

const job = { namespace: 'team-a', uid: '0123-a' };
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

test('a key is created once, replaced only by whoever knows its newest revision, and read back', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await bus.openBucket(bucket.state);
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
  const both = [await bus.openBucket(bucket.state), await other.openBucket(bucket.state)];
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
  const state = await bus.openBucket(bucket.state);
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
  await arrange(bus);
  const state = await bus.openBucket(bucket.state);
  using seen = watchAll(state);
  await eventually('the watch begins', () => seen.told.length > 0);
  t.false(bus.lost.aborted);
  await server.kill();
  await server.start(['--auth', 'other']);
  await eventually('it is lost', () => bus.lost.aborted, { withinMs: 30_000 });
  await t.throwsAsync(seen.ended, {
    code: 'E_BUS_UNAVAILABLE',
    message: /turned this connection away/,
  });
  await server.kill();
  await server.start(['--auth', 'known']);
  await using another = await Bus.connect(as, AbortSignal.timeout(30_000));
  t.true(another.connected, 'another one is let in');
});

test('a watcher is told of all keys of its job and of no other, in order', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const state = await bus.openBucket(bucket.state);
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
  const state = await bus.openBucket(bucket.state);
  await state.put(keys.desired(job), 'before');
  using seen = watchAll(state);
  await eventually('the first values came', () => seen.told.includes('ready'));
  await server.kill();
  await eventually('the loss is noticed', () => !bus.connected, { withinMs: 40_000 });
  await t.throwsAsync(state.put(keys.desired(job), 'lost'), { code: 'E_BUS_UNAVAILABLE' });
  await server.start();
  await using other = await server.connect('other');
  const others = await other.openBucket(bucket.state);
  await others.put(keys.desired(job), 'meanwhile');
  const began = performance.now();
  await eventually(
    'the watch is complete again',
    () => seen.latest(keys.desired(job)) === 'meanwhile' && seen.told.at(-1) === 'ready',
  );
  t.true(performance.now() - began < 8_000, 'not only when the library finds its silence odd');
  t.true(bus.connected);
  await others.put(keys.desired(job), 'after');
  await eventually('new values come', () => seen.latest(keys.desired(job)) === 'after');
});

test('a server that answers nothing any more is noticed, and so is its return', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const heard: boolean[] = [];
  using _listening = bus.onConnection((connected) => heard.push(connected));
  server.freeze();
  await eventually('the silence is noticed', () => !bus.connected, { withinMs: 40_000 });
  server.thaw();
  await eventually('the connection is back', () => bus.connected, {
    withinMs: 40_000,
  });
  t.deepEqual([heard[0], heard.at(-1)], [false, true]);
});

test('a server that lost its storage can be filled again, and what was there is gone', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await (await bus.openBucket(bucket.state)).put(keys.desired(job), 'before');
  await server.kill();
  await server.wipe();
  await server.start();
  const arranged = () =>
    arrange(bus).then(
      () => true,
      () => false,
    );
  await eventually('buckets can be made', arranged);
  const state = await bus.openBucket(bucket.state);
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
      await writer.publish(subjects.metric(job, 0), { id }, id);
    await writer.publish(subjects.metric({ ...job, uid: 'other' }, 0), {}, 'x');
  }
  await server.restart();
  await using reader = await server.connect('reader');
  const found = await take(reader, 3, 1);
  const ids = (messages: readonly Message[]) =>
    messages.map(({ value }) => JSON.parse(text(value)).id);
  t.deepEqual(ids(found), ['pod/1', 'pod/2', 'pod/3']);
  t.deepEqual(ids(await take(reader, 2, found[1]?.sequence ?? 0)), ['pod/2', 'pod/3']);
});

test('a reader that does not read holds up neither the writer nor other readers', async (t) => {
  t.timeout(120_000);
  await using server = await NatsServer.start();
  await using writer = await server.bus();
  await using reader = await server.connect('slow');
  await using other = await server.connect('quick');
  const stop = new AbortController();
  const slow = reader.messages(stream.metrics, subjects.metric(job, 0), 1, stop.signal);
  const large = new TextEncoder().encode('x'.repeat(4096));
  await writer.publish(subjects.metric(job, 0), large, 'first');
  await slow.next();
  for (let i = 0; i < 2000; i += 100) {
    const ids = Array.from({ length: 100 }, (_, j) => i + j);
    await Promise.all(ids.map((id) => writer.publish(subjects.metric(job, 0), large, `${id}`)));
  }
  t.is((await take(other, 2001, 1)).length, 2001);
  let behind = 1;
  for await (const _ of slow) {
    behind += 1;
    if (behind === 2001) stop.abort();
  }
  t.is(behind, 2001, 'it still gets everything when it reads again');
});

async function take(bus: Bus, count: number, from: number): Promise<readonly Message[]> {
  const stop = new AbortController();
  const found: Message[] = [];
  const stored = bus.messages(stream.metrics, subjects.metric(job, 0), from, stop.signal);
  for await (const message of stored) {
    found.push(message);
    if (found.length === count) break;
  }
  return found;
}

interface Watched extends Disposable {
  /** `key=value`, `ready` and `again`, in the order in which they were told. */
  readonly told: readonly string[];
  latest(key: string): unknown;
  /** Rejects when the watch breaks. */
  readonly ended: Promise<void>;
}

function watchAll(state: Bucket): Watched {
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
  const ended = state.watch(keys.all(job), watcher, stop.signal);
  ended.catch(() => undefined); // for whoever asks
  return {
    ...{ told, ended },
    latest: (key) => present.get(key),
    [Symbol.dispose]: () => stop.abort(),
  };
}
