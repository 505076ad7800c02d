// The controller runtime against what really happens to an API server and the way to it.
import test, { type ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../crds/clock.ts';
import { configMaps } from '../../operator/job/observed/child-object.ts';
import { fineTuneJobs } from '../../operator/job/observed/fine-tune-job.ts';
import { type ApiError, isStatus } from '../../operator/runtime/api-error.ts';
import { KubeClient } from '../../operator/runtime/client.ts';
import { LeaderElection, type LeaseEvent } from '../../operator/runtime/lease.ts';
import { systemRandom } from '../../operator/runtime/random.ts';
import { aWrittenJob } from '../builders/job.ts';
import { eventually } from '../doubles/eventually.ts';
import {
  aNamespace,
  clientOf,
  configFrom,
  installCrd,
  kubectl,
  never,
  transportTo,
} from './access.ts';
import { startProxy } from './api-proxy.ts';
import { aMap, follow, soon, startFollowing } from './following.ts';

test.before(installCrd);

test('a watch that is cut goes on, and what happened meanwhile is seen', async (t) => {
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  const door = await startProxy(t);
  const through = clientOf(t, configFrom(door.kubeconfig));
  await client.create(configMaps, aMap(namespace, 'first'), never);
  const { names, causes } = await follow(t, through, namespace);
  t.deepEqual(names(), ['first']);
  door.shut();
  await client.create(configMaps, aMap(namespace, 'second'), never);
  const first = await client.get(configMaps, { namespace, name: 'first' }, never);
  await client.delete(configMaps, first.metadata, {}, never);
  await eventually('the cut is noticed', () => causes().length > 0, soon);
  door.open();
  await eventually('both changes arrive', () => names().join() === 'second', soon);
  t.true(
    causes().every((cause) => cause === 'Cut'),
    causes().join(),
  );
});

test('a version that the server has forgotten leads to a new list', async (t) => {
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  const metadata = { name: 'here', namespace, labels: { of: 'test' } };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify({ ...aWrittenJob(), metadata }) });
  // The first version ever: for a kind that came later, no server remembers it.
  const old = new Proxy(client, {
    get(target, key) {
      if (key !== 'page') return Reflect.get(target, key);
      const page: KubeClient['page'] = async (...args) => {
        const real = await target.page(...args);
        lists += 1;
        return lists === 1 ? { ...real, items: [], resourceVersion: '1' } : real;
      };
      return page;
    },
  });
  let lists = 0;
  const { names, causes } = await follow(t, old, namespace, fineTuneJobs);
  await eventually('the object is found', () => names().join() === 'here', soon);
  t.true(causes().includes('Expired'), causes().join());
  t.is(lists, 2);
});

test('429 of the server’s fairness is waited out as it says', async (t) => {
  const namespace = await aNamespace(t);
  const admin = clientOf(t);
  await admin.create(configMaps, aMap(namespace, 'here'), never);
  const user = `system:serviceaccount:${namespace}:default`;
  const { stdout: token } = await kubectl(['-n', namespace, 'create', 'token', 'default']);
  const role = [
    'create',
    'rolebinding',
    'reader',
    '--clusterrole=view',
    `--serviceaccount=${namespace}:default`,
  ];
  await kubectl(['-n', namespace, ...role]);
  const config = configFrom();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no cluster');
  config.loadFromClusterAndUser(cluster, { name: 'limited', token });
  const slow = {
    ...{ apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'PriorityLevelConfiguration' },
    metadata: { name: namespace },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 0,
        lendablePercent: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Reject' },
      },
    },
  };
  const rules = {
    subjects: [{ kind: 'User', user: { name: user } }],
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
  };
  const flow = {
    ...{
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: namespace },
    },
    spec: {
      priorityLevelConfiguration: { name: namespace },
      matchingPrecedence: 2,
      rules: [rules],
    },
  };
  const remove = async () => {
    await kubectl(['delete', 'flowschema', namespace], { mayFail: true });
    await kubectl(['delete', 'prioritylevelconfiguration', namespace], { mayFail: true });
  };
  t.teardown(remove);
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(slow) });
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(flow) });
  const limited = clientOf(t, config);
  // One request at a time is let through; a crowd makes the server refuse.
  const crowd = new AbortController();
  // Before the client is closed: then each request fails at once, and nobody else has a turn.
  t.teardown(() => crowd.abort());
  let refusal: ApiError | undefined;
  const push = async () => {
    while (!crowd.signal.aborted) {
      await limited.get(configMaps, { namespace, name: 'here' }, never).catch((error: unknown) => {
        if (isStatus(error, 429)) refusal ??= error;
      });
    }
  };
  const pushing = Promise.all(Array.from({ length: 12 }, push));
  await eventually('the server refuses', () => refusal !== undefined, soon);
  t.true((refusal?.retryAfterMs ?? 0) >= 1000, `waits ${refusal?.retryAfterMs} ms`);
  // The one request that is let through may be the reflector's: then another has to try.
  let reading = startFollowing(t, limited, namespace);
  const wasRefused = () => reading.causes().includes('Refused');
  await eventually(
    'a reflector was refused',
    () => {
      if (!wasRefused() && reading.store.size > 0) reading = startFollowing(t, limited, namespace);
      return wasRefused();
    },
    soon,
  );
  crowd.abort();
  await pushing;
  await reading.synced;
  t.is(reading.store.size, 1);
});

/** A replica that leads for as long as it may, until the test ends. */
function replica(
  t: ExecutionContext,
  namespace: string,
  { identity, client, clock = systemClock }: ReplicaFacts,
) {
  const events: LeaseEvent['type'][] = [];
  const at: Record<string, number> = {};
  const election = new LeaderElection({
    ...{ client, clock, random: systemRandom, identity },
    times: { durationMs: 6_000, renewDeadlineMs: 4_000, retryMs: 500 },
    lease: { namespace, name: 'leader' },
    tell: ({ type }) => {
      events.push(type);
      at[type] = performance.now();
    },
  });
  const stop = new AbortController();
  const running = election.run(
    (leading) =>
      new Promise((resolve) => leading.addEventListener('abort', () => resolve(), { once: true })),
    stop.signal,
  );
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { election, events, at };
}

interface ReplicaFacts {
  readonly identity: string;
  readonly client: KubeClient;
  readonly clock?: Clock;
}

test('a lease goes to the second replica when the first cannot reach the server', async (t) => {
  const namespace = await aNamespace(t);
  const door = await startProxy(t);
  const transport = transportTo(configFrom(door.kubeconfig), 1_000);
  t.teardown(() => transport[Symbol.asyncDispose]());
  const first = replica(t, namespace, {
    identity: 'first',
    client: new KubeClient(transport),
  });
  await eventually('the first leads', () => first.election.isLeader, soon);
  const second = replica(t, namespace, { identity: 'second', client: clientOf(t) });
  await eventually('the second waits', () => second.events.includes('Waiting'), soon);
  door.shut();
  await eventually('the second leads', () => second.election.isLeader, soon);
  t.false(first.election.isLeader);
  t.true((first.at['Lost'] ?? Infinity) < (second.at['Acquired'] ?? 0), 'never two at once');
  door.open();
  await eventually('the first waits again', () => first.events.at(-1) === 'Waiting', soon);
});

test('a replica whose clock is an hour ahead knows it, and does not take a lease that is held', async (t) => {
  const namespace = await aNamespace(t);
  const hour = 3_600_000;
  const first = replica(t, namespace, { identity: 'first', client: clientOf(t) });
  await eventually('the first leads', () => first.election.isLeader, soon);
  const ahead: Clock = { ...systemClock, now: () => systemClock.now() + hour };
  const transport = transportTo(configFrom(), 30_000, ahead);
  t.teardown(() => transport[Symbol.asyncDispose]());
  const late = replica(t, namespace, {
    ...{ identity: 'ahead', client: new KubeClient(transport), clock: ahead },
  });
  await eventually('it waits', () => late.events.includes('Waiting'), soon);
  // The date of an answer is whole seconds, and the answer was on its way for a while.
  t.true(Math.abs(transport.skewMs + hour) < 60_000, `skew ${transport.skewMs} ms`);
  // Longer than a lease lasts: by its clock every renewal is an hour old.
  const until = performance.now() + 9_000;
  await eventually('two leases have passed', () => performance.now() > until, soon);
  // A machine that is too slow to renew may lose its lease; nobody may take it before.
  const taken = late.at['Acquired'] ?? Infinity;
  t.true(taken === Infinity || (first.at['Lost'] ?? Infinity) < taken, late.events.join());
});
