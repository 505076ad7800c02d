// Groups of real processes over loopback: the results of each collective, and what the ones that
// are left say when one is killed, frozen, or never came.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../cli/client/free-port.ts';
import { answersOf, type Member, startMember } from '../doubles/group-processes.ts';

interface Answer {
  readonly joined?: number;
  readonly values?: readonly number[];
  readonly error?: string;
}

type Told = readonly unknown[];
type Rank = Member<Told, Answer>;

async function members(
  t: ExecutionContext,
  size: number,
  { timeoutMs = 60_000, started = size } = {},
): Promise<readonly Rank[]> {
  const store = { host: '127.0.0.1', port: await freePort() };
  const name = randomUUID();
  return Array.from({ length: started }, (_, rank) => {
    const plan = { name, rank, size, store, address: '127.0.0.1', timeoutMs, probeMs: 10_000 };
    return startMember<Told, Answer>(t, 'group-member.ts', plan);
  });
}

for (const size of [1, 2, 3]) {
  test(`${size} ranks reduce, gather, scatter, broadcast and meet`, async (t) => {
    const all = await members(t, size);
    t.deepEqual(
      (await answersOf(all)).map(({ joined }) => joined),
      all.map((_, rank) => rank),
    );
    const ask = async (
      collective: string,
      values: (rank: number) => readonly number[],
      root?: number,
    ) => {
      for (const [rank, member] of all.entries()) member.tell([collective, values(rank), root]);
      return (await answersOf(all)).map((answer) => answer.values ?? answer.error);
    };
    const ranks = all.map((_, rank) => rank);
    const sum = (of: (rank: number) => number) =>
      ranks.reduce((total, rank) => total + of(rank), 0);
    const same = <T>(value: T) => ranks.map(() => value);
    const own = (rank: number) => [rank + 1, 2 * rank];
    t.deepEqual(await ask('allReduce', own), same([sum((r) => r + 1), sum((r) => 2 * r)]));
    t.deepEqual(await ask('allGather', own), same(ranks.flatMap(own)));
    const parts = (rank: number) => ranks.map((part) => 100 * part + rank);
    t.deepEqual(
      await ask('reduceScatter', parts),
      ranks.map((part) => [sum((rank) => 100 * part + rank)]),
    );
    t.deepEqual(await ask('broadcast', own, size - 1), same(own(size - 1)));
    const [a, b] = [sum((r) => r + 1), sum((r) => 2 * r)];
    t.deepEqual(await ask('twoAtOnce', own), same([a, b, 10 * a, 10 * b]));
    t.deepEqual(await ask('barrier', () => []), same([]));
  });
}

test('when a rank is killed the others say which one, and their group is of no use any more', async (t) => {
  const all = await members(t, 3);
  await answersOf(all);
  const [first, second, third] = all as [Rank, Rank, Rank];
  third.process.kill('SIGKILL');
  for (const member of [first, second]) member.tell(['allReduce', [1]]);
  for (const { error } of await answersOf([first, second])) {
    t.regex(error ?? '', /^the all-reduce of the group \S+ failed: rank 2 did not answer/);
  }
  first.tell(['barrier', []]);
  t.regex((await first.answer()).error ?? '', /^the all-reduce .* rank 2 did not answer/);
});

for (const [collective, named] of [
  ['reduceScatter', 'reduce-scatter'],
  ['allReduce', 'all-reduce'],
  ['allGather', 'all-gather'],
  ['broadcast', 'broadcast'],
  ['barrier', 'barrier'],
] as const) {
  test(`a rank that is gone before a ${named} begins is told as one that goes during it`, async (t) => {
    const all = await members(t, 2);
    await answersOf(all);
    const [first, second] = all as [Rank, Rank];
    second.process.kill('SIGKILL');
    await once(second.process, 'close');
    // The connection of the first has heard of it by then.
    await setTimeout(500);
    first.tell([collective, [1, 2], 0]);
    t.regex(
      (await first.answer()).error ?? '',
      new RegExp(`^the ${named} of the group \\S+ failed: rank 1 did not answer`),
    );
  });
}

test('a rank that is frozen is missed after the limit', async (t) => {
  const all = await members(t, 2, { timeoutMs: 3_000 });
  await answersOf(all);
  const [first, second] = all as [Rank, Rank];
  second.process.kill('SIGSTOP');
  first.tell(['allReduce', [1]]);
  t.regex((await first.answer()).error ?? '', /failed: rank 1 did not answer \(limit 3 s\)$/);
});

test('the loss of rank 0 is told too, although it serves the store', async (t) => {
  const all = await members(t, 2);
  await answersOf(all);
  const [first, second] = all as [Rank, Rank];
  first.process.kill('SIGKILL');
  second.tell(['allReduce', [1]]);
  t.regex((await second.answer()).error ?? '', /failed: rank 0 did not answer/);
});

test('who waits for a rank that never comes says so after the limit', async (t) => {
  const [first] = (await members(t, 2, { timeoutMs: 2_000, started: 1 })) as [Rank];
  const { error = '' } = await first.answer();
  t.regex(error, /^rank 0 of 2 could not join the group \S+ within 2 s$/);
});
