// The command line on the bus: a token from the API server, a connection that a responder judges, what is kept and what comes.
import test from 'ava';
import type { NatsConnection } from 'nats';
import { cliConfig } from '../../cli/config.ts';
import { openCluster } from '../../cli/jobs/cluster-source.ts';
import type { Heard } from '../../cli/jobs/source.ts';
import { bucket, keys, stream, streamSubjects, subjects } from '../../crds/wire/subjects.ts';
import { aListedJob } from '../builders/listed-job.ts';
import { messagesOfARun } from '../builders/run-messages.ts';
import { aCluster } from '../cli/cluster.ts';
import { GuardedNats } from '../doubles/guarded-nats.ts';

const job = aListedJob({ uid: '0a1b2c3d-0000-4000-8000-000000000001' });
const messages = messagesOfARun();

async function aBus() {
  const bus = await GuardedNats.start();
  const operator = await bus.operator();
  const manager = await operator.jetstreamManager();
  for (const name of ['metrics', 'logs', 'events'] as const) {
    await manager.streams.add({ name: stream[name], subjects: [streamSubjects[name]] });
  }
  const cluster = await aCluster();
  cluster.server.intercept = ({ path }) =>
    path.endsWith('/serviceaccounts/default/token')
      ? { status: 201, body: { status: { token: bus.tokenFor('team-a') } } }
      : undefined;
  const variables = { KUBECONFIG: cluster.kubeconfig, ANNEAL_NATS_URL: bus.url };
  return {
    operator,
    cluster,
    source: await openCluster({}, cliConfig(variables)),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

async function say(operator: NatsConnection, subject: string, ...values: readonly unknown[]) {
  for (const value of values) await operator.jetstream().publish(subject, JSON.stringify(value));
}

const never = new AbortController().signal;

test('what is kept of a job is told, also when its pods are gone, and then it ends', async (t) => {
  await using at = await aBus();
  await say(at.operator, subjects.metric(job, 0), ...messages);
  await say(at.operator, subjects.metric({ ...job, uid: 'other-job' }, 0), messages[0]);
  await using source = at.source;
  const heard: Heard[] = [];
  for await (const one of source.telemetry(job, { follow: false }, never)) heard.push(one);
  t.deepEqual(
    heard.flatMap((one) => (one.type === 'Message' ? [one.message] : [])),
    messages,
  );
  t.is(heard.at(-1)?.type, 'UpToDate');
});

test('what comes is followed after what is kept; a log line says whose it is', async (t) => {
  await using at = await aBus();
  const line = (text: string, index: number) => {
    return { v: 1, time: 1, index, podName: 'p', level: 'info', from: 'worker', text };
  };
  await say(at.operator, subjects.log(job, 0), line('kept', 0));
  await using source = at.source;
  const stop = new AbortController();
  const said: string[] = [];
  for await (const one of source.logs(job, { follow: true, previous: false }, stop.signal)) {
    if (one.type === 'UpToDate') await say(at.operator, subjects.log(job, 3), line('new', 3));
    if (one.type === 'Log') said.push(`${one.line.index} ${one.line.text}`);
    if (said.length === 2) break;
  }
  stop.abort();
  t.deepEqual(said, ['0 kept', '3 new']);
});

test('what a worker does at this moment is heard while somebody watches', async (t) => {
  await using at = await aBus();
  const beats = await at.operator.jetstream().views.kv(bucket.beat);
  const beat = { v: 1, podUID: 'p', generation: 2, step: 7, stage: 'training' };
  await beats.put(keys.beat(job, 3), JSON.stringify(beat));
  await beats.put(keys.beat({ ...job, namespace: 'team-b' }, 0), JSON.stringify(beat));
  await using source = at.source;
  const stop = new AbortController();
  for await (const one of source.telemetry(job, { follow: true }, stop.signal)) {
    if (one.type !== 'Beat') continue;
    t.deepEqual(one, { type: 'Beat', index: 3, beat: { ...beat, v: 1 } });
    break;
  }
  stop.abort();
});

test('who may not ask for a token is told so, and sees what the API server knows', async (t) => {
  await using at = await aBus();
  at.cluster.server.intercept = () => ({
    status: 403,
    body: { kind: 'Status', message: 'you cannot create serviceaccounts/token' },
  });
  await using source = at.source;
  const heard: Heard[] = [];
  for await (const one of source.telemetry(job, { follow: false }, never)) heard.push(one);
  t.deepEqual(heard, [{ type: 'Away', why: 'you cannot create serviceaccounts/token' }]);
});
