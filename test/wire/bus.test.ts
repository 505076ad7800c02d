// The bus against a real nats-server: what is written is read, a stale write loses, and a server that is killed, frozen or wiped in
// the middle costs time and nothing else.
import test from 'ava';
import { Bus, type Change, type Entry, type Message } from '../../crds/wire/bus.ts';
import { bucket, keys, stream, subjects } from '../../crds/wire/subjects.ts';
import { eventually } from '../doubles/eventually.ts';
import { NatsServer, smallLayout } from '../doubles/nats-server.ts';

const job = { namespace: 'team-a', uid: '0123-a' };
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

test('a key is created once, replaced only by whoever knows its newest revision, and read back', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  const key = keys.state(job);
  t.is(await bus.read(bucket.state, key), undefined);
  const first = await bus.create(bucket.state, key, bytes('one'));
  t.is(typeof first, 'number');
  t.is(await bus.create(bucket.state, key, bytes('other')), 'Conflict');
  const revision = Number(first);
  const second = await bus.replace(bucket.state, { key, value: bytes('two'), revision });
  t.true(Number(second) > revision);
  t.is(await bus.replace(bucket.state, { key, value: bytes('stale'), revision }), 'Conflict');
  t.is(text((await bus.read(bucket.state, key))?.value), 'two');
  await bus.purge(bucket.state, keys.all(job));
  t.is(await bus.read(bucket.state, key), undefined);
});

test('of many that replace one revision at the same time exactly one wins', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await using other = await Bus.connect({ url: server.url, name: 'other' });
  const key = keys.state(job);
  let revision = Number(await bus.create(bucket.state, key, bytes('0')));
  for (let round = 0; round < 20; round += 1) {
    const writes = Array.from({ length: 8 }, (_, i) =>
      (i % 2 === 0 ? bus : other).replace(bucket.state, { key, value: bytes(`${i}`), revision }),
    );
    const won = (await Promise.all(writes)).filter((answer) => answer !== 'Conflict');
    t.is(won.length, 1);
    revision = Number(won[0]);
  }
});

test('a watcher is told of all keys of its job and of no other, in order', async (t) => {
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await bus.put(bucket.state, keys.desired(job), bytes('before'));
  await bus.put(bucket.state, keys.desired({ ...job, uid: 'other' }), bytes('not ours'));
  using seen = watchAll(bus);
  await eventually('the first values came', () => seen.changes.length === 1);
  await bus.put(bucket.state, keys.member(job, 1, 0), bytes('member'));
  await bus.purge(bucket.state, keys.desired(job));
  await eventually('the changes came', () => seen.changes.length === 3);
  t.deepEqual(seen.changes.map(inWords), [
    `All ${keys.desired(job)}=before`,
    `Put ${keys.member(job, 1, 0)}=member`,
    `Gone ${keys.desired(job)}`,
  ]);
});

test('when the server is killed and comes back, every key is read again, with what was written meanwhile', async (t) => {
  t.timeout(60_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await bus.put(bucket.state, keys.desired(job), bytes('before'));
  using seen = watchAll(bus);
  await eventually('the first values came', () => seen.changes.length === 1);
  await server.kill();
  await eventually('the loss is noticed', () => !bus.connected);
  await t.throwsAsync(bus.put(bucket.state, keys.desired(job), bytes('lost')), {
    code: 'E_BUS_UNAVAILABLE',
  });
  await server.start();
  await using other = await Bus.connect({ url: server.url, name: 'other' });
  await other.put(bucket.state, keys.desired(job), bytes('meanwhile'));
  const began = performance.now();
  await eventually(
    'the watch is complete again',
    () => seen.latest(keys.desired(job)) === 'meanwhile',
    20_000,
  );
  t.true(performance.now() - began < 8_000, 'not only when the library finds its silence odd');
  t.true(bus.connected);
  await other.put(bucket.state, keys.desired(job), bytes('after'));
  await eventually('new values come', () => seen.latest(keys.desired(job)) === 'after');
});

test('a server that lost its storage is an empty one: its watchers hear that there is nothing', async (t) => {
  t.timeout(60_000);
  await using server = await NatsServer.start();
  await using bus = await server.bus();
  await bus.put(bucket.state, keys.desired(job), bytes('before'));
  const broken: unknown[] = [];
  using seen = watchAll(bus, (error) => broken.push(error));
  await eventually('the first values came', () => seen.changes.length === 1);
  await server.kill();
  await server.wipe();
  await server.start();
  await eventually(
    'the watch breaks or begins anew',
    () => broken.length > 0 || seen.changes.length > 1,
    30_000,
  );
  await eventually(
    'buckets can be made',
    () =>
      bus.ensure(smallLayout).then(
        () => true,
        () => false,
      ),
    20_000,
  );
  using again = watchAll(bus);
  await eventually('the watch begins', () => again.changes.length > 0);
  t.deepEqual(again.changes.map(inWords), ['All ']);
});

test('a message is kept once however often it is sent, and streams outlive whoever wrote into them', async (t) => {
  await using server = await NatsServer.start();
  {
    await using writer = await server.bus();
    for (const id of ['pod/1', 'pod/2', 'pod/1', 'pod/3', 'pod/2'])
      await writer.publish(subjects.metric(job, 0), bytes(id), id);
    await writer.publish(subjects.metric({ ...job, uid: 'other' }, 0), bytes('x'), 'x');
  }
  await server.restart();
  await using reader = await Bus.connect({ url: server.url, name: 'reader' });
  const found = await take(reader, 3, 1);
  t.deepEqual(
    found.map(({ value }) => text(value)),
    ['pod/1', 'pod/2', 'pod/3'],
  );
  const from = found[1]?.sequence ?? 0;
  t.deepEqual(
    (await take(reader, 2, from)).map(({ value }) => text(value)),
    ['pod/2', 'pod/3'],
  );
});

test('a reader that does not read holds up neither the writer nor other readers', async (t) => {
  t.timeout(60_000);
  await using server = await NatsServer.start();
  await using writer = await server.bus();
  await using reader = await Bus.connect({ url: server.url, name: 'slow' });
  await using other = await Bus.connect({ url: server.url, name: 'quick' });
  const stop = new AbortController();
  const slow = reader.messages(stream.metrics, [subjects.metric(job, 0)], 1, stop.signal);
  const large = bytes('x'.repeat(4096));
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
  for await (const message of bus.messages(
    stream.metrics,
    [subjects.metric(job, 0)],
    from,
    stop.signal,
  )) {
    found.push(message);
    if (found.length === count) break;
  }
  return found;
}

interface Watched extends Disposable {
  readonly changes: readonly Change[];
  latest(key: string): string | undefined;
}

function watchAll(bus: Bus, onEnd: (error: unknown) => void = () => {}): Watched {
  const stop = new AbortController();
  const changes: Change[] = [];
  const present = new Map<string, Entry>();
  bus
    .watch(
      bucket.state,
      keys.all(job),
      (change) => {
        changes.push(change);
        if (change.type === 'All') {
          present.clear();
          for (const entry of change.entries) present.set(entry.key, entry);
        }
        if (change.type === 'Put') present.set(change.entry.key, change.entry);
        if (change.type === 'Gone') present.delete(change.key);
      },
      stop.signal,
    )
    .catch(onEnd);
  return {
    changes,
    latest: (key) => {
      const entry = present.get(key);
      return entry === undefined ? undefined : text(entry.value);
    },
    [Symbol.dispose]: () => stop.abort(),
  };
}

function inWords(change: Change): string {
  if (change.type === 'Gone') return `Gone ${change.key}`;
  const entries = change.type === 'All' ? change.entries : [change.entry];
  return `${change.type} ${entries.map(({ key, value }) => `${key}=${text(value)}`).join(' ')}`;
}
