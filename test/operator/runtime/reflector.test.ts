import test, { type ExecutionContext } from 'ava';
import { Reflector, type ReflectorEvent } from '../../../operator/runtime/reflector.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { aClient, aThing, type Thing, things, thingsAt } from '../../builders/kube-client.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { eventually } from '../../doubles/eventually.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

async function fixture(t: ExecutionContext, prepare: (server: KubeServer) => void = () => {}) {
  const server = await KubeServer.start();
  prepare(server);
  const client = aClient(server.origin);
  const store = new Store<Thing, never>({ indexes: {} });
  const clock = new FakeClock();
  const events: ReflectorEvent[] = [];
  const reflector = new Reflector({
    client,
    resource: things,
    selection: {},
    store,
    clock,
    random: () => 0,
    tell: (event) => events.push(event),
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const names = () => [...store.values()].map(({ metadata }) => metadata.name).sort();
  /** Lets the pause after a failure pass, once the reflector is in it. */
  const pass = async () => {
    await eventually('the reflector waits before it tries again', () => clock.sleeping > 0);
    clock.advance(60_000);
  };
  return { server, store, reflector, events, names, pass, clock, stop, running };
}

const create = (server: KubeServer, name: string) => server.objects.create(thingsAt, aThing(name));
const remove = (server: KubeServer, name: string) =>
  server.objects.delete({ ...thingsAt, name }, undefined);

test('what is there is listed in pages, and what comes later is watched', async (t) => {
  const { server, reflector, names } = await fixture(t, (server) => {
    for (let index = 0; index < 1234; index++) create(server, `t${index}`);
  });
  await reflector.synced;
  t.is(names().length, 1234);
  const lists = server.seen.filter(({ query }) => !query.has('watch'));
  t.deepEqual(
    lists.map(({ query }) => query.get('continue')),
    [null, '500', '1000'],
  );
  create(server, 'late');
  remove(server, 't0');
  await eventually('the changes arrive', () => names().includes('late') && !names().includes('t0'));
});

test('a watch that is cut goes on where it was, and misses nothing', async (t) => {
  const { server, reflector, names, events, pass } = await fixture(t);
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  create(server, 'seen');
  await eventually('the first arrives', () => names().includes('seen'));
  server.cutWatches();
  create(server, 'missed');
  remove(server, 'seen');
  await pass();
  await eventually('the missed changes arrive', () => names().join() === 'missed');
  t.is(
    server.seen.filter(({ query }) => !query.has('watch')).length,
    1,
    'nothing was listed again',
  );
  t.is(events[0]?.type === 'Broken' && events[0].cause, 'Cut');
});

test('410 in a stream leads to a new list, and what vanished meanwhile is removed', async (t) => {
  const { server, reflector, names, events, pass } = await fixture(t, (server) => {
    create(server, 'stays');
    create(server, 'goes');
  });
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  server.cutWatches();
  remove(server, 'goes');
  create(server, 'comes');
  server.objects.compact();
  await pass();
  await pass();
  await eventually('the store is right', () => names().join() === 'comes,stays');
  t.true(events.some((event) => event.type === 'Broken' && event.cause === 'Expired'));
});

test('429 is waited for as the server says, and longer pauses are ours', async (t) => {
  let refusals = 0;
  const { reflector, clock } = await fixture(t, (server) => {
    server.intercept = () =>
      refusals++ < 1
        ? { status: 429, retryAfter: 20, body: { kind: 'Status', code: 429 } }
        : undefined;
  });
  await eventually('the reflector waits', () => clock.sleeping > 0);
  clock.advance(19_999);
  t.is(refusals, 1);
  t.false(reflector.isSynced);
  clock.advance(1);
  await reflector.synced;
  t.true(reflector.isSynced);
});

test('a server that ends streams at once is not asked in a tight loop', async (t) => {
  const { server, reflector, clock } = await fixture(t);
  await reflector.synced;
  for (let round = 1; round <= 3; round++) {
    await eventually('the watch begins', () => server.watching === 1);
    server.endWatches();
    await eventually('the reflector waits', () => clock.sleeping > 0);
    const watches = server.seen.filter(({ query }) => query.has('watch')).length;
    t.is(watches, round);
    clock.advance(800);
  }
});

test('a bookmark moves the place where the next watch begins', async (t) => {
  const { server, reflector, store, pass } = await fixture(t);
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  server.objects.create({ collection: 'apis/batch/v1/jobs', namespace: 'n' }, aThing('other'));
  const version = String(server.objects.version);
  server.bookmark();
  await eventually('the bookmark arrives', () => store.hasSeen(version, 'team'));
  server.cutWatches();
  await pass();
  await eventually('the watch begins again', () => server.watching === 1);
  t.is(server.seen.at(-1)?.query.get('resourceVersion'), version);
});

test('a line that is not JSON breaks the stream, not the reflector', async (t) => {
  const { server, reflector, names, pass } = await fixture(t);
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  server.write('{"type":"ADDED","obj\n');
  await pass();
  create(server, 'after');
  await eventually('the next arrives', () => names().join() === 'after');
  t.pass();
});

test('an object that cannot be read is told and skipped', async (t) => {
  const { server, reflector, names, events } = await fixture(t, (server) => {
    create(server, 'good');
  });
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  server.write(
    `{"type":"ADDED","object":{"metadata":{"resourceVersion":"${server.objects.version}","name":null}}}\n`,
  );
  create(server, 'better');
  await eventually('the next arrives', () => names().includes('better'));
  t.deepEqual(
    events.map(({ type }) => type),
    ['Unreadable'],
  );
});

test('an abort ends everything and leaves no stream behind', async (t) => {
  const { server, reflector, stop, running } = await fixture(t);
  await reflector.synced;
  await eventually('the watch begins', () => server.watching === 1);
  stop.abort();
  await running;
  await eventually('the stream is closed', () => server.watching === 0);
  t.pass();
});
