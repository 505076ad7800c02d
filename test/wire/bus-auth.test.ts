// Rights of a pod on a real server that asks a real responder: what a pod of a job needs works, and what would touch another job does
// not. One server for all tests; every test has jobs of its own.
import test from 'ava';
import { type KV, type NatsConnection, StorageType } from 'nats';
import { bucket, type JobOnBus, keys, stream, subjects } from '../../crds/wire/subjects.ts';
import { GuardedNats, violationOf } from '../doubles/guarded-nats.ts';

let server: GuardedNats;
let operator: NatsConnection;

test.before(async () => {
  server = await GuardedNats.start();
  operator = await server.operator();
  const { views } = operator.jetstream();
  await views.kv(bucket.state, { history: 8 });
  await views.kv(bucket.beat, { ttl: 15_000, storage: StorageType.Memory });
  const manager = await operator.jetstreamManager();
  await manager.streams.add({ name: stream.metrics, subjects: ['anneal.v1.*.*.metric.>'] });
});

test.after.always(() => server[Symbol.asyncDispose]());

let made = 0;
function aJob(namespace = 'team-a'): JobOnBus {
  made += 1;
  return { namespace, uid: `0a1b2c3d-0000-4000-8000-${String(made).padStart(12, '0')}` };
}

function open(connection: NatsConnection, name: string): Promise<KV> {
  // As the door of the project opens it: there already, values by subject.
  const options = { bindOnly: true, allow_direct: true };
  return connection.jetstream({ timeout: 5_000 }).views.kv(name, options);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** What the server answers to a call of JetStream that the connection makes by hand. */
async function call(connection: NatsConnection, subject: string, body: unknown): Promise<string> {
  const answer = await connection.request(subject, json(body), { timeout: 5_000 });
  return answer.string();
}

function isViolation(subject: string) {
  return { code: 'PERMISSIONS_VIOLATION', message: new RegExp(subject.replaceAll('$', '\\$')) };
}

test('a pod makes and changes the state of its job, and sees what the operator wants', async (t) => {
  const job = aJob();
  const wanted = await open(operator, bucket.state);
  await wanted.put(keys.desired(job), 'two workers');
  const kv = await open(await server.pod(job), bucket.state);
  const first = await kv.create(keys.state(job), 'one');
  const second = await kv.update(keys.state(job), 'two', first);
  await t.throwsAsync(kv.update(keys.state(job), 'late', first), {
    message: /wrong last sequence/,
  });
  t.true(second > first);
  t.is((await kv.get(keys.state(job)))?.string(), 'two');
  t.is((await kv.get(keys.desired(job)))?.string(), 'two workers');
  await kv.put(keys.member(job, 1, 0), 'm');
  await kv.put(keys.ack(job, 1, 0), 'a');
  await kv.put(keys.world(job, 1, 0), 'w');
});

test('a pod watches the keys of its job, and hears no others', async (t) => {
  const job = aJob();
  const other = aJob('team-b');
  const all = await open(operator, bucket.state);
  await all.put(keys.state(other), 'theirs');
  await all.put(keys.state(job), 'ours');
  const kv = await open(await server.pod(job), bucket.state);
  const seen: string[] = [];
  for await (const { key } of await kv.watch({ key: keys.all(job) })) {
    seen.push(key);
    if (seen.length === 1) await all.put(keys.state(other), 'theirs again');
    if (seen.length === 1) await all.put(keys.desired(job), 'more');
    if (seen.length === 2) break;
  }
  t.deepEqual(seen, [keys.state(job), keys.desired(job)]);
});

test('a pod beats and tells its metrics', async (t) => {
  const job = aJob();
  const pod = await server.pod(job);
  const beats = await open(pod, bucket.beat);
  await beats.put(keys.beat(job, 0), 'alive');
  const published = await pod.jetstream().publish(subjects.metric(job, 0), 'loss', { msgID: '1' });
  t.is(published.stream, stream.metrics);
});

test('a pod cannot write what the operator wants of it', async (t) => {
  const job = aJob();
  const kv = await open(await server.pod(job), bucket.state);
  await t.throwsAsync(kv.put(keys.desired(job), 'stop'), isViolation(keys.desired(job)));
});

test('a pod cannot write, read or watch the keys of another job, of its namespace or another', async (t) => {
  for (const other of [aJob(), aJob('team-b')]) {
    const all = await open(operator, bucket.state);
    await all.put(keys.state(other), 'theirs');
    const pod = await server.pod(aJob());
    const kv = await open(pod, bucket.state);
    const key = keys.state(other);
    await t.throwsAsync(kv.put(key, 'x'), isViolation(key));
    await t.throwsAsync(kv.get(key), isViolation(key));
    await t.throwsAsync(kv.watch({ key: keys.all(other) }), isViolation(keys.all(other)));
    await t.throwsAsync(kv.watch(), isViolation('CONSUMER.CREATE'));
    await t.throwsAsync(
      pod.jetstream().publish(subjects.metric(other, 0), 'x'),
      isViolation(subjects.metric(other, 0)),
    );
    t.is((await all.get(key))?.string(), 'theirs');
  }
});

test('calls that could read by a field of their body are not given', async (t) => {
  const other = aJob('team-b');
  const pod = await server.pod(aJob());
  const name = `KV_${bucket.state}`;
  const body = { last_by_subj: `$KV.${bucket.state}.${keys.state(other)}` };
  for (const subject of [
    `$JS.API.STREAM.MSG.GET.${name}`,
    `$JS.API.DIRECT.GET.${name}`,
    `$JS.API.STREAM.PURGE.${name}`,
    `$JS.API.STREAM.DELETE.${name}`,
    `$JS.API.STREAM.UPDATE.${name}`,
    `$JS.API.CONSUMER.LIST.${name}`,
    '$JS.API.STREAM.LIST',
  ]) {
    await t.throwsAsync(call(pod, subject, body), isViolation(subject));
  }
});

test('a consumer sees what its subject says, whatever its body asks for', async (t) => {
  const job = aJob();
  const other = aJob('team-b');
  const pod = await server.pod(job);
  const [own, theirs] = [job, other].map((each) => `$KV.${bucket.state}.${keys.all(each)}`);
  const name = `KV_${bucket.state}`;
  const asked = [
    { filter_subject: theirs },
    { filter_subjects: [theirs] },
    { filter_subject: own, filter_subjects: [theirs] },
  ];
  for (const [index, filters] of asked.entries()) {
    const config = {
      ...{ name: `c${index}`, ack_policy: 'none', deliver_policy: 'all', ...filters },
      deliver_subject: `_INBOX.${job.namespace}.${job.uid}.x`,
    };
    const subject = `$JS.API.CONSUMER.CREATE.${name}.c${index}.${own}`;
    const answer = JSON.parse(await call(pod, subject, { stream_name: name, config }));
    t.truthy(answer.error, JSON.stringify(filters));
  }
});

test('a consumer cannot carry the words of a pod to the keys of another job', async (t) => {
  const job = aJob();
  const other = aJob('team-b');
  const pod = await server.pod(job);
  const kv = await open(pod, bucket.state);
  await kv.put(keys.state(job), 'forged');
  const own = `$KV.${bucket.state}.${keys.all(job)}`;
  const name = `KV_${bucket.state}`;
  const targets = [
    { subject: `$KV.${bucket.state}.${keys.state(other)}`, kept: name },
    { subject: `$KV.${bucket.beat}.${keys.beat(other, 0)}`, kept: `KV_${bucket.beat}` },
    { subject: subjects.metric(other, 0), kept: stream.metrics },
  ];
  const manager = await operator.jetstreamManager();
  for (const [index, { subject, kept }] of targets.entries()) {
    const config = {
      ...{ name: `d${index}`, ack_policy: 'none', deliver_policy: 'all' },
      ...{ filter_subject: own, deliver_subject: subject },
    };
    const create = `$JS.API.CONSUMER.CREATE.${name}.d${index}.${own}`;
    await call(pod, create, { stream_name: name, config });
    // A second message, whose acknowledgement comes after the first was delivered to whoever listens.
    await kv.put(keys.state(job), 'forged again');
    await kv.put(keys.state(job), 'forged again');
    const found = manager.streams.getMessage(kept, { last_by_subj: subject });
    await t.throwsAsync(found, { message: /no message found/ }, subject);
  }
});

test('a pod hears nothing that is not for it', async (t) => {
  const other = aJob('team-b');
  for (const subject of ['>', `_INBOX.${other.namespace}.${other.uid}.>`, '$KV.>', 'anneal.v1.>']) {
    const pod = await server.pod(aJob());
    const told = violationOf(pod);
    pod.subscribe(subject);
    t.is(await told, 'PERMISSIONS_VIOLATION', subject);
  }
});

test('an account of another namespace, another token and no token at all are turned away', async (t) => {
  const refused = { message: /Authorization Violation/ };
  await t.throwsAsync(server.pod(aJob(), 'team-b:default'), refused);
  await t.throwsAsync(server.connect('abc', '_INBOX'), refused);
  await t.throwsAsync(server.connect('', '_INBOX'), refused);
  const why = server.events.flatMap((event) => (event.type === 'Refused' ? [event.why] : []));
  t.true(why.some((words) => /an account of team-b asks for a job of team-a/.test(words)));
});

test('a viewer reads what all jobs of its namespace say, whatever is kept and whatever comes', async (t) => {
  const job = aJob();
  const says = (words: string) =>
    operator.jetstream().publish(subjects.metric(job, 0), json(words));
  await says('one');
  await says('two');
  await using bus = await server.viewer('team-a');
  t.is(await bus.count(stream.metrics, subjects.metric(job, 0)), 2);
  const stop = new AbortController();
  const heard: unknown[] = [];
  for await (const { value, left } of bus.messages(
    stream.metrics,
    subjects.all(job).replace('>', 'metric.>'),
    1,
    stop.signal,
  )) {
    heard.push(JSON.parse(new TextDecoder().decode(value)));
    if (left === 0 && heard.length === 2) await says('three');
    if (heard.length === 3) break;
  }
  t.deepEqual(heard, ['one', 'two', 'three']);
});

test('a viewer reads no other namespace, writes nothing, and gets no other inbox', async (t) => {
  const job = aJob('team-b');
  const viewer = await server.view('team-a');
  const create = `$JS.API.CONSUMER.CREATE.${stream.metrics}`;
  for (const subject of [
    `${create}.x.${subjects.metric(job, 0)}`,
    `${create}.x`,
    `${create}.x.anneal.v1.*.*.metric.>`,
    subjects.metric(aJob('team-a'), 0),
    `$KV.${bucket.state}.${keys.desired(aJob('team-a'))}`,
    `$JS.API.STREAM.PURGE.${stream.metrics}`,
  ]) {
    await t.throwsAsync(call(viewer, subject, {}), isViolation(subject), subject);
  }
  const elsewhere = await server.view('team-a', '_INBOX.view.team-b');
  const violation = violationOf(elsewhere);
  elsewhere.subscribe('_INBOX.view.team-b.x');
  t.is(await violation, 'PERMISSIONS_VIOLATION');
});

test('an account of one namespace is no viewer of another', async (t) => {
  await t.throwsAsync(server.view('team-b', '_INBOX.view.team-b', 'team-a:default'));
});
