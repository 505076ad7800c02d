// The command line on the bus: a token from the API server, a connection that a responder judges,
// what is kept and what comes.
import test from 'ava';
import { openCluster } from '../../cli/jobs/cluster-source.ts';
import type { Heard } from '../../cli/jobs/source.ts';
import { cliConfig } from '../../cli/process/config.ts';
import { type JobOnBus, type StreamName, subjects } from '../../crds/wire/subjects.ts';
import { aListedJob } from '../builders/listed-job.ts';
import { messagesOfARun } from '../builders/run-messages.ts';
import { aCluster } from '../cli/cluster.ts';
import { GuardedNats } from '../doubles/guarded-nats.ts';
import { cluster as busCluster } from '../doubles/nats-server.ts';

const job = aListedJob({ uid: '0a1b2c3d-0000-4000-8000-000000000001' });
const messages = messagesOfARun();

async function aBus() {
  const bus = await GuardedNats.start();
  await bus.admit(job, 4);
  const cluster = await aCluster();
  cluster.server.intercept = ({ path }) =>
    path.endsWith('/serviceaccounts/default/token')
      ? { status: 201, body: { status: { token: bus.tokenFor('team-a') } } }
      : undefined;
  const variables = { KUBECONFIG: cluster.kubeconfig, ANNEAL_NATS_URL: bus.url };
  return {
    bus,
    cluster,
    source: await openCluster({}, cliConfig(variables)),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

let said = 0;
async function say(
  { bus }: GuardedNats,
  [of, name, index]: readonly [JobOnBus, StreamName, number],
  ...values: readonly unknown[]
) {
  for (const value of values)
    await bus.publish(subjects.message(busCluster, of, name, index), value, String(++said));
}

const never = new AbortController().signal;

test('what is kept of a job is told, also when its pods are gone, and then it ends', async (t) => {
  await using at = await aBus();
  await say(at.bus, [job, 'metrics', 0], ...messages);
  await say(at.bus, [{ ...job, uid: 'other-job' }, 'metrics', 0], messages[0]);
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
  await say(at.bus, [job, 'logs', 0], line('kept', 0));
  await using source = at.source;
  const stop = new AbortController();
  const said: string[] = [];
  for await (const one of source.logs(job, { follow: true, previous: false }, stop.signal)) {
    if (one.type === 'UpToDate') await say(at.bus, [job, 'logs', 3], line('new', 3));
    if (one.type === 'Log') said.push(`${one.line.index} ${one.line.text}`);
    if (said.length === 2) break;
  }
  stop.abort();
  t.deepEqual(said, ['0 kept', '3 new']);
});

test('what a worker does at this moment is heard while somebody watches', async (t) => {
  await using at = await aBus();
  const pod = '0c0c0c0c-0000-4000-8000-000000000009';
  const heartbeat = { v: 1, podUID: pod, round: 2, step: 7, stage: 'training' } as const;
  const own = await at.bus.podBus(job, { index: 3, pod });
  const other = { ...job, namespace: 'team-b' };
  const theirs = await at.bus.podBus(other, { pod });
  const sending = setInterval(() => {
    theirs.sendHeartbeat(heartbeat);
    own.sendHeartbeat(heartbeat);
  }, 50);
  await using source = at.source;
  const stop = new AbortController();
  for await (const one of source.telemetry(job, { follow: true }, stop.signal)) {
    if (one.type !== 'Heartbeat') continue;
    t.deepEqual(one, { type: 'Heartbeat', index: 3, heartbeat });
    break;
  }
  clearInterval(sending);
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
