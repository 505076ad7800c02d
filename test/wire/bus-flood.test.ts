// Availability is each job's own: a worker that sends as fast as it can, over as many connections
// as it gets, does not keep the workers of another job from a rendezvous.
import test from 'ava';
import { inbox, type JobOnBus, keys, subjects } from '../../crds/wire/subjects.ts';
import { aMember } from '../builders/job-facts.ts';
import { aState } from '../builders/situation.ts';
import { startFlood } from '../doubles/flooding-pod.ts';
import { GuardedNats } from '../doubles/guarded-nats.ts';
import { records } from '../doubles/nats-server.ts';

const hostile: JobOnBus = { namespace: 'team-a', uid: '0a0a0a0a-0000-4000-8000-000000000001' };
const calm: JobOnBus = { namespace: 'team-b', uid: '0a0a0a0a-0000-4000-8000-000000000002' };
const floodMs = 6_000;
/** The time that a request has, tried again: three times over. */
const boundMs = 15_000;

async function aServer(): Promise<GuardedNats> {
  const server = await GuardedNats.start(1);
  for (const job of [hostile, calm]) {
    await server.admit(job, 2);
    const state = await records(server.bus);
    await state.create(keys.state(job), aState());
  }
  return server;
}

test('while a worker floods, the workers of another job rendezvous within bounds', async (t) => {
  t.timeout(120_000);
  await using server = await aServer();
  const uids = Array.from({ length: 8 }, (_, i) => `0b0b0b0b-0000-4000-9000-00000000000${i}`);
  const flood = startFlood({
    url: server.url,
    connections: uids.map((pod) => {
      const at = { job: hostile, index: 0, uid: pod };
      return {
        token: server.tokenOf(hostile, { pod }),
        inbox: inbox.pod(at),
        subjects: [subjects.ask(at, 'list'), subjects.ask(at, 'head'), subjects.tell(at, 'logs')],
      };
    }),
  });
  const members = [0, 1].map((index) => `0c0c0c0c-0000-4000-9000-00000000000${index}`);
  const buses = await Promise.all(members.map((pod, index) => server.podBus(calm, { index, pod })));
  const took: number[] = [];
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    for (;;) {
      try {
        const done = await work();
        took.push(performance.now() - began);
        return done;
      } catch (error) {
        // As a supervisor does; on a machine that is busy with other things a request may be late
        // by itself.
        if (performance.now() - began > boundMs) throw error;
      }
    }
  };
  const until = performance.now() + floodMs;
  let round = 1;
  for (; performance.now() < until; round += 1) {
    for (const [index, bus] of buses.entries()) {
      const member = aMember(index, members[index] ?? '');
      t.not(await timed(() => bus.create(keys.member(calm, round, index), member)), undefined);
    }
    const [leader] = buses;
    if (leader === undefined) return t.fail();
    const state = await timed(() => leader.get(keys.state(calm)));
    const next = aState({ round: round + 1 });
    await timed(() => leader.update(keys.state(calm), next, state?.revision ?? 0));
    // As fast as workers rendezvous at their quickest, and below what a job may do.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const sent = await flood.stop();
  const sorted = took.toSorted((a, b) => a - b);
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
  t.log(
    `${sent} messages in ${floodMs / 1000} s; ${round - 1} rounds, a request took ${Math.round(median)} ms, ${Math.round(worst)} at worst`,
  );
  t.true(sent > 10_000, 'it was a flood');
  t.true(worst < boundMs);
  t.true(
    server.guards.every(({ gateway }) => gateway.numbers.waiting <= 2),
    'its own doors alone',
  );
});
