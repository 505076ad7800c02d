import test, { type ExecutionContext } from 'ava';
import { LeaderElection, type LeaseEvent, leaseTimes } from '../../../operator/runtime/lease.ts';
import { aClient } from '../../builders/kube-client.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { eventually } from '../../doubles/eventually.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const lease = { namespace: 'system', name: 'leader' };
const at = { collection: 'apis/coordination.k8s.io/v1/leases', ...lease };

async function startServer(t: ExecutionContext) {
  const server = await KubeServer.start();
  t.teardown(() => server[Symbol.asyncDispose]());
  return server;
}

function replica(t: ExecutionContext, server: KubeServer, identity: string) {
  const client = aClient(server.origin);
  const clock = new FakeClock();
  const events: LeaseEvent[] = [];
  const election = new LeaderElection({
    client,
    clock,
    random: () => 0,
    lease,
    identity,
    tell: (event) => events.push(event),
  });
  const stop = new AbortController();
  const body = { leading: undefined as AbortSignal | undefined, runs: 0, lost: 0 };
  const running = election.run(async (leading) => {
    body.runs += 1;
    body.leading = leading;
    await new Promise((resolve) => leading.addEventListener('abort', resolve, { once: true }));
    body.lost += 1;
  }, stop.signal);
  const end = async () => {
    stop.abort();
    await running;
    await client[Symbol.asyncDispose]();
  };
  t.teardown(end);
  /** Lets time pass in steps of a retry, each once the replica waits. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= leaseTimes.retryMs) {
      await eventually(`${identity} waits`, () => clock.sleeping > 0);
      clock.advance(Math.min(left, leaseTimes.retryMs));
    }
    await eventually(`${identity} waits`, () => clock.sleeping > 0);
  };
  return { election, clock, events, body, end, pass };
}

const holderIn = (server: KubeServer) =>
  (server.objects.find(at)?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;

test('of two replicas one leads, and the other takes over when the first gives the lease back', async (t) => {
  const server = await startServer(t);
  const first = replica(t, server, 'first');
  await eventually('the first leads', () => first.body.runs === 1);
  const second = replica(t, server, 'second');
  await second.pass(leaseTimes.retryMs);
  t.is(second.body.runs, 0);
  t.deepEqual(second.events, [{ type: 'Waiting', holder: 'first' }]);
  await first.end();
  t.is(holderIn(server), '');
  await second.pass(leaseTimes.retryMs);
  await eventually('the second leads', () => second.body.runs === 1);
  t.is(holderIn(server), 'second');
});

test('a leader that went silent is replaced after the length of the lease, not before', async (t) => {
  const server = await startServer(t);
  const silent = replica(t, server, 'silent');
  await eventually('it leads', () => silent.body.runs === 1);
  const other = replica(t, server, 'other');
  await other.pass(leaseTimes.durationMs - leaseTimes.retryMs);
  t.is(other.body.runs, 0, 'the clock of the silent one stands still');
  await other.pass(2 * leaseTimes.retryMs);
  await eventually('the other leads', () => other.body.runs === 1);
  await silent.pass(leaseTimes.retryMs);
  await eventually('the silent one sees that it lost', () => silent.body.lost === 1);
  t.true(silent.body.leading?.aborted);
});

test('a leader that renews keeps the lease for ever', async (t) => {
  const server = await startServer(t);
  const leader = replica(t, server, 'leader');
  await eventually('it leads', () => leader.body.runs === 1);
  const other = replica(t, server, 'other');
  for (let round = 0; round < 12; round++) {
    await leader.pass(leaseTimes.retryMs);
    await other.pass(leaseTimes.retryMs);
  }
  t.is(leader.body.lost, 0);
  t.is(other.body.runs, 0);
});

test('a leader whose API server is away gives up before the lease could be another’s', async (t) => {
  const server = await startServer(t);
  const leader = replica(t, server, 'leader');
  await eventually('it leads', () => leader.body.runs === 1);
  server.intercept = () => ({ status: 503, body: {} });
  await leader.pass(leaseTimes.renewDeadlineMs);
  await eventually('it gave up', () => leader.body.lost === 1);
  t.true(leaseTimes.renewDeadlineMs < leaseTimes.durationMs);
  server.intercept = () => undefined;
  await leader.pass(leaseTimes.retryMs);
  await eventually('it leads again', () => leader.body.runs === 2);
  t.true(leader.events.some(({ type }) => type === 'Lost'));
});

test('of two replicas that see a stale lease at once, one gets it', async (t) => {
  const server = await startServer(t);
  const spec = { holderIdentity: 'gone' };
  server.objects.create({ ...at }, { metadata: { ...lease }, spec });
  const replicas = ['a', 'b'].map((identity) => replica(t, server, identity));
  for (const each of replicas) await each.pass(leaseTimes.retryMs);
  await Promise.all(replicas.map((each) => each.pass(leaseTimes.durationMs + leaseTimes.retryMs)));
  await eventually('one leads', () => replicas.some(({ body }) => body.runs === 1));
  t.is(replicas.filter(({ election }) => election.isLeader).length, 1);
});

test('a clock that counts in fractions of a millisecond does not cost the lease', async (t) => {
  const server = await startServer(t);
  const only = replica(t, server, 'only');
  await eventually('it leads', () => only.body.runs === 1);
  only.clock.advance(0.236);
  await only.pass(3 * leaseTimes.renewDeadlineMs);
  t.deepEqual(only.events, [{ type: 'Acquired' }]);
  t.is(only.body.runs, 1);
});
