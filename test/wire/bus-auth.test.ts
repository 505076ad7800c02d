// Rights on a real server that asks a real responder, and a gateway behind it: what a pod of a job
// and a person who looks at it need works, and nothing else does. What somebody could try against
// others is in bus-attacks.test.ts. One server for all tests; every test has jobs of its own.
import test from 'ava';
import type { PodBus } from '../../crds/wire/pod-bus.ts';
import { type JobOnBus, keys, subjects } from '../../crds/wire/subjects.ts';
import { aMember } from '../builders/job-facts.ts';
import { aDesired, aState } from '../builders/situation.ts';
import { eventually } from '../doubles/eventually.ts';
import { GuardedNats, violationOf } from '../doubles/guarded-nats.ts';
import { cluster, records } from '../doubles/nats-server.ts';

let server: GuardedNats;

test.before(async () => {
  server = await GuardedNats.start(2);
});

test.after.always(() => server[Symbol.asyncDispose]());

let made = 0;
async function aJob(namespace = 'team-a', workers = 1): Promise<JobOnBus> {
  made += 1;
  const job = { namespace, uid: `0a1b2c3d-0000-4000-8000-${String(made).padStart(12, '0')}` };
  await server.admit(job, workers);
  const state = await records(server.bus);
  await state.create(keys.state(job), aState());
  await state.put(keys.desired(job), aDesired());
  return job;
}

const pod = '0c0c0c0c-0000-4000-8000-000000000001';
const heartbeat = { v: 1, podUID: pod, round: 1, step: 7, stage: 'training' } as const;

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function stateOf(bus: PodBus, job: JobOnBus) {
  return (await bus.get(keys.state(job))) ?? { value: undefined, revision: 0 };
}

test('a pod changes the state of its job, and sees what the operator wants', async (t) => {
  const job = await aJob();
  const bus = await server.podBus(job, { pod });
  const { revision } = await stateOf(bus, job);
  const second = await bus.update(keys.state(job), aState({ round: 2 }), revision);
  t.true(Number(second) > revision);
  t.is(await bus.update(keys.state(job), aState({ round: 9 }), revision), false);
  t.like((await stateOf(bus, job)).value, { round: 2 });
  t.like((await bus.get(keys.desired(job)))?.value, { stop: 'None' });
  t.truthy(await bus.create(keys.member(job, 2, 0), aMember(0, pod)));
  t.is(await bus.create(keys.member(job, 2, 0), aMember(0, pod)), false);
  t.truthy(await bus.create(keys.ack(job, 2, 0), { v: 1, podUID: pod, saved: 1 }));
  const world = { v: 1, members: [], order: [], master: '10.0.0.1' };
  t.truthy(await bus.put(keys.world(job, 2, 0), world));
});

test('a pod watches the records of its job, and hears no others', async (t) => {
  const job = await aJob();
  const other = await aJob();
  const bus = await server.podBus(job);
  const seen: string[] = [];
  const stop = new AbortController();
  const watcher = {
    entry: (key: string) => seen.push(key),
    ...{ ready: () => seen.push('ready'), again: () => seen.push('again') },
  };
  const watching = bus.watch(watcher, stop.signal);
  await eventually('all was told', () => seen.includes('ready'));
  const state = await records(server.bus);
  await state.put(keys.desired(other), aDesired());
  await state.put(keys.desired(job), aDesired({ save: 1 }));
  await eventually('the change was told', () => seen.at(-1) === keys.desired(job));
  const all = [keys.desired(job), keys.job(job), keys.state(job)];
  t.deepEqual(seen.slice(0, 3).toSorted(), all);
  t.deepEqual(seen.slice(3), ['ready', keys.desired(job)]);
  stop.abort();
  await watching;
});

test('a pod sends heartbeats to its peers and to people, and what it says is kept', async (t) => {
  const job = await aJob('team-a', 2);
  const bus = await server.podBus(job, { pod });
  const peer = await server.podBus(job, { index: 1 });
  const viewer = await server.viewer('team-a');
  const heard: string[] = [];
  using _peer = peer.onHeartbeat(({ podUID, step }) => heard.push(`peer ${podUID} ${step}`));
  using _viewer = viewer.onHeartbeat(job, (index, { step }) =>
    heard.push(`viewer ${index} ${step}`),
  );
  await eventually('the heartbeat is heard', () => {
    bus.sendHeartbeat(heartbeat);
    return new Set(heard).size >= 2;
  });
  t.deepEqual([...new Set(heard)].toSorted(), [`peer ${pod} 7`, 'viewer 0 7']);
  await bus.tell('metrics', json({ loss: 1 }), '1');
  await bus.tell('metrics', json({ loss: 1 }), '1');
  await bus.tell('metrics', json({ loss: 2 }), '2');
  const stop = new AbortController();
  for await (const page of viewer.pages('metrics', job, 1, stop.signal)) {
    t.deepEqual(
      page.messages.map(({ index, value }) => [index, value]),
      [
        [0, { loss: 1 }],
        [0, { loss: 2 }],
      ],
      'each once',
    );
    t.is(page.left, 0);
    break;
  }
});

test('a person reads what is kept, then what comes, of the own namespace', async (t) => {
  const job = await aJob();
  const subject = subjects.message(cluster, job, 'metrics', 3);
  const say = (n: number) => server.bus.publish(subject, { n }, `${job.uid}/${n}`);
  for (let n = 0; n < 1200; n += 100)
    await Promise.all(Array.from({ length: 100 }, (_, i) => say(n + i)));
  const viewer = await server.viewer('team-a');
  const stop = new AbortController();
  const heard: unknown[] = [];
  for await (const { messages, left } of viewer.pages('metrics', job, 1, stop.signal)) {
    heard.push(...messages.map(({ value }) => (value as { n: number }).n));
    if (left === 0 && heard.length === 1200) await say(1200);
    if (heard.length === 1201) break;
  }
  t.is(new Set(heard).size, 1201);
  t.is(heard.at(-1), 1200);
});

test('a pod that prepares reads the records and says what it does; it changes none', async (t) => {
  const job = await aJob();
  const bus = await server.podBus(job, { index: undefined });
  t.like((await stateOf(bus, job)).value, { round: 1 });
  await bus.tell('events', json({ type: 'Started' }), '1');
  const raw = await server.pod(job, { index: undefined, pod });
  for (const what of ['update', 'create', 'put']) {
    const told = violationOf(raw);
    raw.publish(subjects.ask({ job, index: 0, uid: pod }, what), '{}');
    t.is(await told, 'PERMISSIONS_VIOLATION', what);
  }
});

test('neither a pod nor a person may ask the server for what it stores, or hear what is not for them', async (t) => {
  const job = await aJob();
  const other = await aJob('team-b');
  const publishes = [
    '$JS.API.INFO',
    '$JS.API.STREAM.LIST',
    '$JS.API.DIRECT.GET.KV_anneal_state.x',
    `$KV.anneal_state.${cluster}.${keys.state(job)}`,
    `anneal.told.${cluster}.${keys.state(job)}`,
    subjects.message(cluster, job, 'metrics', 0),
    subjects.ask({ job: other, index: 0, uid: pod }, 'get'),
    '$SYS.REQ.USER.INFO',
  ];
  const hears = ['>', '$KV.>', 'anneal.v1.>', 'anneal.told.>', '_INBOX.>', 'anneal.ask.>'];
  for (const connect of [() => server.pod(job), () => server.view('team-a')]) {
    for (const subject of publishes) {
      const connection = await connect();
      const told = violationOf(connection);
      connection.publish(subject, '');
      t.is(await told, 'PERMISSIONS_VIOLATION', subject);
      await connection.close();
    }
    for (const subject of [...hears, subjects.told(other), subjects.heartbeats(other)]) {
      const connection = await connect();
      const told = violationOf(connection);
      connection.subscribe(subject);
      t.is(await told, 'PERMISSIONS_VIOLATION', subject);
      await connection.close();
    }
  }
});

test('an account of another namespace, a token of no pod, another token and none at all are turned away', async (t) => {
  const job = await aJob();
  const refused = { message: /Authorization Violation/ };
  await t.throwsAsync(server.pod(job, { account: 'team-b:default' }), refused);
  await t.throwsAsync(server.pod(job, { pod: '' }), refused);
  await t.throwsAsync(server.connect('abc', '_INBOX'), refused);
  await t.throwsAsync(server.connect('', '_INBOX'), refused);
  await t.throwsAsync(server.view('team-b', '_INBOX.view.team-b', 'team-a:default'), refused);
  const said = (words: RegExp) => server.refusals.some((why) => words.test(why));
  t.true(said(/an account of team-b asks for a job of team-a/));
  t.true(said(/is bound to no pod/));
});

test('a job that the operator has not made known, or has removed, has nobody to talk to', async (t) => {
  const invented = { namespace: 'team-a', uid: '0a1b2c3d-0000-4000-8000-aaaaaaaaaaaa' };
  const bus = await server.podBus(invented);
  await t.throwsAsync(bus.get(keys.state(invented)), { code: 'E_BUS_UNAVAILABLE' });
  const job = await aJob();
  const known = await server.podBus(job);
  t.like((await stateOf(known, job)).value, { round: 1 });
  await (await records(server.bus)).delete(keys.job(job));
  await eventually('the door is closed', () =>
    stateOf(known, job).then(
      () => false,
      () => true,
    ),
  );
});

test('what a pod has kept back while the bus was away goes through at once, each message once', async (t) => {
  const job = await aJob();
  const bus = await server.podBus(job);
  for (let sent = 0; sent < 640; sent += 64)
    await Promise.all(
      Array.from({ length: 64 }, (_, i) => bus.tell('logs', json({ n: sent + i }), `${sent + i}`)),
    );
  const viewer = await server.viewer('team-a');
  const found: unknown[] = [];
  for await (const { messages, left } of viewer.pages(
    'logs',
    job,
    1,
    new AbortController().signal,
  )) {
    found.push(...messages.map(({ value }) => (value as { n: number }).n));
    if (left === 0) break;
  }
  t.deepEqual(
    found.toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 640 }, (_, n) => n),
  );
});
