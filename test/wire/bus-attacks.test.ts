// What a pod that was taken over could try with its own token, against other jobs and against its
// own operator: on a real server, with real guards. Each attempt is made as the protocol allows it,
// and what it was to bring about is asserted not to be so.
import test from 'ava';
import { connect, headers, type NatsConnection, nkeyAuthenticator } from 'nats';
import { inbox, type JobOnBus, keys, stream, subjects } from '../../crds/wire/subjects.ts';
import { mostKeys } from '../../operator/gateway/rules.ts';
import { aMember } from '../builders/job-facts.ts';
import { aDesired, aState } from '../builders/situation.ts';
import { eventually } from '../doubles/eventually.ts';
import { busSeeds, GuardedNats, violationOf } from '../doubles/guarded-nats.ts';
import { cluster, records } from '../doubles/nats-server.ts';

let server: GuardedNats;

test.before(async () => {
  server = await GuardedNats.start();
});

test.after.always(() => server[Symbol.asyncDispose]());

let made = 0;
async function aJob(namespace: string, workers = 1): Promise<JobOnBus> {
  made += 1;
  const job = { namespace, uid: `0d0d0d0d-0000-4000-8000-${String(made).padStart(12, '0')}` };
  await server.admit(job, workers);
  const state = await records(server.bus);
  await state.create(keys.state(job), aState());
  await state.put(keys.desired(job), aDesired());
  return job;
}

const uid = '0e0e0e0e-0000-4000-8000-000000000001';
const otherUid = '0f0f0f0f-0000-4000-8000-000000000002';
const inBucket = (key: string) => `$KV.anneal_state.${cluster}.${key}`;

/** A hostile pod, and the job of another team with a pod that listens to all that it may. */
async function aScene(workers = 1) {
  const own = await aJob('team-a', workers);
  const victim = await aJob('team-b');
  const pod = await server.pod(own, { pod: uid });
  const listener = await server.pod(victim, { pod: otherUid });
  const heard: string[] = [];
  const at = { job: victim, uid: otherUid };
  for (const subject of [`${inbox.pod(at)}.>`, subjects.told(victim), subjects.heartbeats(victim)])
    listener.subscribe(subject, {
      callback: (_, { subject, data }) =>
        heard.push(`${subject} ${new TextDecoder().decode(data)}`),
    });
  await listener.flush();
  const before = await everything(victim);
  const ask = (what: string) => subjects.ask({ job: own, index: 0, uid }, what);
  return { own, victim, pod, heard, before, ask, bus: await server.podBus(own, { pod: uid }) };
}

/** All that is stored of a job, with its revisions, and how many messages each stream holds. */
async function everything(job: JobOnBus) {
  const state = await records(server.bus);
  const found: string[] = [];
  const stop = new AbortController();
  await state.watch(
    keys.all(job),
    {
      entry: (key, value, revision) => found.push(`${key} ${revision} ${JSON.stringify(value)}`),
      ready: () => stop.abort(),
      again: () => {},
    },
    stop.signal,
  );
  return found.toSorted();
}

/**
 * Everything that was sent has been seen by the server, the gateway, and whoever heard of it from
 * them.
 */
async function settled(pod: NatsConnection): Promise<void> {
  await pod.flush().catch(() => undefined); // the server may have closed it
  const calm = await server.podBus(await aJob('calm'));
  for (let round = 0; round < 3; round += 1) await calm.put('x', 0).catch(() => undefined);
  await server.bus.connection.flush();
}

async function refused(pod: NatsConnection, subject: string, body: unknown, reply?: string) {
  const told = violationOf(pod);
  pod.publish(subject, JSON.stringify(body), reply === undefined ? {} : { reply });
  return told;
}

test.serial(
  'the server publishes no stored value where a pod wants it: another job is told nothing',
  async (t) => {
    const { own, victim, pod, before, ask } = await aScene();
    const target = inBucket(keys.desired(victim));
    const key = keys.state(own);
    const direct = `$JS.API.DIRECT.GET.KV_anneal_state.${inBucket(key)}`;
    t.is(await refused(pod, direct, '', target), 'PERMISSIONS_VIOLATION');
    const byName = '$JS.API.DIRECT.GET.KV_anneal_heartbeat.x';
    t.is(await refused(pod, byName, '', target), 'PERMISSIONS_VIOLATION');
    // The same by way of the gateway.
    for (const reply of [target, `anneal.told.${cluster}.${keys.desired(victim)}`])
      pod.publish(ask('get'), JSON.stringify({ key }), { reply });
    await settled(pod);
    t.deepEqual(await everything(victim), before);
  },
);

test.serial('no consumer reads the records of all jobs into an inbox', async (t) => {
  const { own, pod, ask } = await aScene();
  const mine: string[] = [];
  const deliver = `${inbox.pod({ job: own, uid })}.all`;
  pod.subscribe(deliver, { callback: (_, { subject }) => mine.push(subject) });
  const config = {
    ...{ name: 'c', ack_policy: 'none', deliver_policy: 'all' },
    ...{ filter_subject: inBucket('team-b.>'), deliver_subject: deliver },
  };
  const body = { stream_name: 'KV_anneal_state', config };
  const create = '$JS.API.CONSUMER.CREATE.KV_anneal_state';
  t.is(await refused(pod, create, body), 'PERMISSIONS_VIOLATION');
  // As the answer of somebody whom the server lets ask.
  pod.publish(ask('get'), JSON.stringify({ key: keys.state(own) }), { reply: create });
  await settled(pod);
  t.deepEqual(mine, []);
  const manager = await server.bus.connection.nats.jetstreamManager();
  const names: string[] = [];
  for await (const { name } of manager.consumers.list('KV_anneal_state')) names.push(name);
  t.false(names.includes('c'));
});

test.serial('nothing is purged, whoever is made to answer', async (t) => {
  const { own, victim, pod, before, ask } = await aScene();
  for (const order of ['PURGE', 'DELETE', 'UPDATE', 'MSG.DELETE']) {
    const subject = `$JS.API.STREAM.${order}.KV_anneal_state`;
    t.is(await refused(pod, subject, {}), 'PERMISSIONS_VIOLATION', order);
    pod.publish(ask('head'), '{}', { reply: subject });
    const tell = subjects.tell({ job: own, index: 0, uid }, 'metrics');
    pod.publish(tell, '{"id":"1","value":{}}', { reply: subject });
  }
  await settled(pod);
  t.deepEqual(await everything(victim), before);
});

test.serial(
  'an answer is no request to anybody: not for another job, not to the gateway, not to the responder',
  async (t) => {
    const { own, victim, pod, before, ask } = await aScene();
    for (const reply of [
      subjects.ask({ job: victim, index: 0, uid: otherUid }, 'update'),
      subjects.tell({ job: victim, index: 0, uid: otherUid }, 'metrics'),
      subjects.view(victim, 'page'),
      '$SYS.REQ.USER.AUTH',
      ask('head'),
    ])
      pod.publish(ask('get'), JSON.stringify({ key: keys.state(own) }), { reply });
    await settled(pod);
    t.deepEqual(await everything(victim), before);
  },
);

test.serial('answers go to no inbox but the own, however its name begins', async (t) => {
  const { own, victim, pod, heard, ask } = await aScene();
  const peer = await server.pod(own, { pod: `${uid}`.replace('0e0e', '0e0f') });
  const peerHeard: string[] = [];
  const peerInbox = inbox.pod({ job: own, uid: `${uid}`.replace('0e0e', '0e0f') });
  peer.subscribe(`${peerInbox}.>`, { callback: (_, { subject }) => peerHeard.push(subject) });
  await peer.flush();
  for (const reply of [
    `${inbox.pod({ job: victim, uid: otherUid })}.x`,
    `${peerInbox}.x`,
    `${inbox.pod({ job: own, uid })}x.y`,
    inbox.pod({ job: own, uid }),
    `${inbox.view('team-b')}.x`,
    '_INBOX.x',
  ])
    pod.publish(ask('head'), '{}', { reply });
  await settled(pod);
  t.deepEqual([...heard, ...peerHeard], []);
});

test.serial('headers that servers obey do nothing: traces, roll-ups, schedules', async (t) => {
  const { own, victim, pod, heard, before } = await aScene();
  await server.bus.publish(subjects.message(cluster, victim, 'metrics', 0), { n: 1 }, uid);
  const tell = subjects.tell({ job: own, index: 0, uid }, 'metrics');
  for (const [name, value] of [
    ['Nats-Trace-Dest', `${inbox.pod({ job: victim, uid: otherUid })}.trace`],
    ['Nats-Trace-Dest', inBucket(keys.desired(victim))],
    ['Nats-Rollup', 'all'],
    ['Nats-Msg-Id', uid],
    ['Nats-Schedule', '@at 2020-01-01T00:00:00Z'],
    ['Nats-Schedule-Target', inBucket(keys.desired(victim))],
    ['KV-Operation', 'PURGE'],
  ] as const) {
    const with_ = headers();
    with_.set(name, value);
    pod.publish(tell, `{"id":"${name}","value":{}}`, {
      headers: with_,
      reply: `${inbox.pod({ job: own, uid })}.x`,
    });
  }
  await settled(pod);
  t.deepEqual(await everything(victim), before);
  t.deepEqual(heard, []);
  const subject = subjects.messages(cluster, victim, 'metrics');
  const page = await server.bus.page(stream.metrics, subject, 1, { messages: 9, bytes: 1e5 });
  t.is(page.messages.length, 1, 'what was kept is there');
});

test.serial('a pod says nothing in the name of the server or of another pod', async (t) => {
  const { own, victim, pod, heard, bus } = await aScene(2);
  const told = [subjects.told(own), subjects.told(victim)].map((subject) =>
    subject.replace('*', cluster).replace('>', 'desired'),
  );
  const heartbeats = [
    subjects.heartbeat({ job: victim, index: 0, uid: otherUid }),
    subjects.heartbeat({ job: own, index: 1, uid: otherUid }),
  ];
  for (const subject of [...told, ...heartbeats])
    t.is(await refused(pod, subject, {}), 'PERMISSIONS_VIOLATION', subject);
  const peer = await server.podBus(own, { index: 1 });
  const heartbeatsHeard: unknown[] = [];
  using _heartbeats = peer.onHeartbeat((heartbeat) => heartbeatsHeard.push(heartbeat));
  bus.sendHeartbeat({ v: 1, podUID: otherUid, round: 1, step: 1, stage: 'x' });
  await settled(pod);
  t.deepEqual([...heard, ...heartbeatsHeard], []);
});

test.serial(
  'a pod writes no record of another pod, of the operator, or that nobody can read',
  async (t) => {
    const { own, victim, bus } = await aScene(2);
    const before = await everything(own);
    const refusals: readonly (readonly [string, unknown, RegExp])[] = [
      [keys.desired(own), aDesired({ stop: 'Now' }), /no key of a worker/],
      [keys.job(own), { v: 1, name: 'first', workers: 5000 }, /no key of a worker/],
      [keys.state(own), aState(), /written by update/],
      [keys.state(victim), aState(), /of another job/],
      [keys.member(own, 1, 1), aMember(1, uid), /not of worker 0/],
      [keys.member(own, 1, 0), aMember(0, otherUid), /speak for pod/],
      [keys.ack(own, 1, 0), { v: 1, podUID: otherUid, stoppedStep: 1 }, /speak for pod/],
      [keys.ack(own, 1, 0), { v: 99 }, /nobody can read/],
      [keys.ack(own, 1, 0), { v: 1, podUID: uid.padEnd(2000, 'x') }, /speak for pod|bytes/],
      [`${own.namespace}.${own.uid}.member.01.0`, aMember(0, uid), /no key of a worker/],
      [`${own.namespace}.${own.uid}.member.1.0.more`, aMember(0, uid), /no key of a worker/],
      [`${own.namespace}.${own.uid}.constructor`, {}, /no key of a worker/],
      [`${own.namespace}.${own.uid}.*`, {}, /cannot be read/],
      [`${own.namespace}.${own.uid}.>`, {}, /cannot be read/],
    ];
    for (const [key, value, message] of refusals)
      await t.throwsAsync(bus.create(key, value), { message }, key);
    await t.throwsAsync(bus.put(keys.state(own), aState()), { message: /written by update/ });
    await t.throwsAsync(bus.update(keys.state(own), { v: 1 }, 2), { message: /nobody can read/ });
    await t.throwsAsync(bus.get(keys.state(victim)), { message: /cannot be read/ });
    t.deepEqual(await everything(own), before);
  },
);

test.serial('a job stores no more than its share, and others store on', async (t) => {
  t.timeout(120_000);
  const { own, victim, bus } = await aScene();
  const most = mostKeys({ v: 1, name: 'first', workers: 1 });
  // All at once: the gateway has sent more than its mirror has heard of.
  const asked = Array.from({ length: most + 64 }, (_, round) =>
    bus.create(keys.member(own, round, 0), aMember(0, uid)),
  );
  const refusals = (await Promise.allSettled(asked)).flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason.message] : [],
  );
  t.regex(refusals.at(-1) ?? '', new RegExp(`it may have ${most}$`));
  t.is((await everything(own)).length, most);
  const large = { ...aMember(0, uid), copies: Array.from({ length: 64 }, () => 'x'.repeat(128)) };
  const growing = { ...large, devices: Array.from({ length: 100 }, () => 'y'.repeat(100)) };
  await t.throwsAsync(bus.create(keys.member(own, 1, 0), growing), { message: /may have 12288/ });
  const theirs = await server.podBus(victim, { pod: otherUid });
  t.truthy(await theirs.create(keys.member(victim, 1, 0), aMember(0, otherUid)));
});

test.serial(
  'subscriptions without end, and messages as large as a server takes, cost others nothing',
  async (t) => {
    const { own, victim, pod, ask } = await aScene();
    const theirs = await server.podBus(victim, { pod: otherUid });
    const violation = violationOf(pod);
    for (let index = 0; index < 5_000; index += 1)
      pod.subscribe(`${inbox.pod({ job: own, uid })}.${index}`);
    // The client knows no better word for what the server says: maximum subscriptions exceeded.
    t.is(await violation, 'NATS_PROTOCOL_ERR');
    const another = await server.pod(own, { pod: uid });
    const large = new Uint8Array(1_000_000);
    for (let index = 0; index < 100; index += 1) another.publish(ask('head'), large);
    const began = performance.now();
    t.truthy(await theirs.create(keys.member(victim, 1, 0), aMember(0, otherUid)));
    t.log(`another job wrote in ${Math.round(performance.now() - began)} ms`);
    await another.flush();
    const bus = await server.podBus(own, { pod: uid });
    await t.throwsAsync(bus.get(keys.state(own)), { message: /503/ }, 'its own job has to wait');
    t.truthy(await theirs.create(keys.member(victim, 2, 0), aMember(0, otherUid)));
  },
);

test.serial('who connects over and over is let in no more, and others are', async (t) => {
  const job = await aJob('team-c');
  const host = await Promise.allSettled(
    Array.from({ length: 40 }, () => server.pod(job, { pod: uid })),
  );
  const isIn = ({ status }: PromiseSettledResult<unknown>) => status === 'fulfilled';
  t.true(host.filter(isIn).length <= 21);
  t.true(server.refusals.some((why) => /connects too often/.test(why)));
  t.truthy(await server.pod(await aJob('team-d')));
});

test.serial('a person writes nothing, and reads no other namespace', async (t) => {
  const { own, victim } = await aScene();
  for (const subject of [
    subjects.ask({ job: own, index: 0, uid }, 'update'),
    subjects.tell({ job: own, index: 0, uid }, 'metrics'),
    subjects.heartbeat({ job: own, index: 0, uid }),
    subjects.view(victim, 'page'),
    inBucket(keys.desired(own)),
  ]) {
    const viewer = await server.view('team-a');
    t.is(await refused(viewer, subject, {}), 'PERMISSIONS_VIOLATION', subject);
    await viewer.close();
  }
  const elsewhere = await server.view('team-a', inbox.view('team-b'));
  const violation = violationOf(elsewhere);
  elsewhere.subscribe(`${inbox.view('team-b')}.x`);
  t.is(await violation, 'PERMISSIONS_VIOLATION');
});

test.serial(
  'ids of messages are each pod’s own: nobody makes the bus drop what another says',
  async (t) => {
    const job = await aJob('team-a', 2);
    const [first, second] = [await server.podBus(job), await server.podBus(job, { index: 1 })];
    await first.tell('logs', new TextEncoder().encode('{"a":1}'), '1');
    await second.tell('logs', new TextEncoder().encode('{"a":2}'), '1');
    const subject = subjects.messages(cluster, job, 'logs');
    const page = await server.bus.page(stream.logs, subject, 1, { messages: 9, bytes: 1e5 });
    t.is(page.messages.length, 2);
  },
);

test.serial('the gateway itself may speak to inboxes alone, and change no stream', async (t) => {
  const victim = await aJob('team-b');
  const before = await everything(victim);
  const may = async (seed: Uint8Array, subject: string) => {
    const authenticator = nkeyAuthenticator(seed);
    const connection = await connect({ servers: server.url, authenticator, reconnect: false });
    const told = refused(connection, subject, {});
    // The server says no before it answers what comes after; whoever listens hears it a moment
    // later.
    const passed = connection
      .flush()
      .then(() => new Promise((resolve) => setTimeout(resolve, 300)));
    const answer = await Promise.race([told, passed.then(() => 'allowed')]);
    await connection.close();
    return answer;
  };
  const { store, counter } = busSeeds;
  for (const subject of [
    subjects.ask({ job: victim, index: 0, uid: otherUid }, 'update'),
    `anneal.told.${cluster}.${keys.desired(victim)}`,
    '$JS.API.INFO',
    '$SYS.REQ.USER.AUTH',
  ])
    t.not(await may(counter, subject), 'allowed', subject);
  for (const subject of [
    '$JS.API.STREAM.PURGE.KV_anneal_state',
    '$JS.API.STREAM.UPDATE.KV_anneal_state',
    '$JS.API.STREAM.DELETE.ANNEAL_LOGS',
    inBucket(keys.desired(victim)),
    inBucket(keys.job(victim)),
  ])
    t.not(await may(store, subject), 'allowed', subject);
  t.is(await may(counter, `${inbox.pod({ job: victim, uid: otherUid })}.x`), 'allowed');
  await eventually('nothing has changed', async () =>
    t.deepEqual(await everything(victim), before),
  );
});
