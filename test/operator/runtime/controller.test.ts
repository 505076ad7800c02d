import test, { type ExecutionContext } from 'ava';
import { ApiError } from '../../../operator/runtime/api-error.ts';
import {
  type Reconciled,
  type ReconcileOutcome,
  runController,
} from '../../../operator/runtime/controller.ts';
import { WorkQueue } from '../../../operator/runtime/work-queue.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { eventually } from '../../doubles/eventually.ts';

function start(
  t: ExecutionContext,
  reconcile: (key: string, signal: AbortSignal) => Promise<Reconciled>,
  changes: { workers?: number; deadlineMs?: number } = {},
) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 0 });
  const outcomes: ReconcileOutcome[] = [];
  const stop = new AbortController();
  const running = runController(
    {
      queue,
      clock,
      workers: 2,
      deadlineMs: 60_000,
      reconcile,
      seen: (outcome) => outcomes.push(outcome),
      ...changes,
    },
    stop.signal,
  );
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { clock, queue, outcomes, stop, running };
}

test('what a reconcile throws is told and tried again later', async (t) => {
  let calls = 0;
  const { queue, outcomes, clock } = start(t, async () => {
    calls += 1;
    if (calls === 1) throw new TypeError('a bug');
    return {};
  });
  queue.add('a');
  await eventually('it failed', () => outcomes.length === 1);
  t.is((outcomes[0]!.error as Error).message, 'a bug');
  clock.advance(5);
  await eventually('it succeeded', () => outcomes.length === 2);
  t.deepEqual(
    outcomes.map(({ result }) => result),
    ['error', 'success'],
  );
  t.is(queue.failures('a'), 0);
});

test('a reconcile can ask to be called again', async (t) => {
  let calls = 0;
  const { queue, clock } = start(t, async () => ({
    requeueAfterMs: ++calls === 1 ? 500 : undefined,
  }));
  queue.add('a');
  await eventually('it waits', () => clock.sleeping === 1);
  clock.advance(499);
  t.is(calls, 1);
  clock.advance(1);
  await eventually('it ran again', () => calls === 2);
});

test('a busy API server is waited for as it asks', async (t) => {
  let calls = 0;
  const busy = { code: 'E_UNREACHABLE', status: 429, reason: 'TooManyRequests' } as const;
  const { queue, outcomes, clock } = start(t, async () => {
    if (++calls === 1) throw new ApiError({ ...busy, message: 'busy', retryAfterMs: 9_000 });
    return {};
  });
  queue.add('a');
  await eventually('it failed', () => outcomes.length === 1);
  t.true(outcomes[0]?.passing);
  clock.advance(8_999);
  t.is(calls, 1);
  clock.advance(1);
  await eventually('it ran again', () => calls === 2);
});

test('no more run at once than there are workers, and one key never twice', async (t) => {
  const release = Promise.withResolvers<void>();
  const now = new Set<string>();
  let most = 0;
  const { queue, outcomes } = start(t, async (key) => {
    if (now.has(key)) throw new Error(`${key} runs twice`);
    now.add(key);
    most = Math.max(most, now.size);
    await release.promise;
    now.delete(key);
    return {};
  });
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  await eventually('two run', () => now.size === 2);
  queue.add('a');
  release.resolve();
  await eventually('all ran', () => outcomes.length === 5);
  t.is(most, 2);
  t.deepEqual(
    outcomes.map(({ result }) => result),
    Array(5).fill('success'),
  );
});

test('a reconcile that takes too long is aborted and counted as an error', async (t) => {
  const { queue, outcomes } = start(
    t,
    (_key, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    { deadlineMs: 20 },
  );
  queue.add('a');
  await eventually('it was aborted', () => outcomes.length === 1);
  t.is((outcomes[0]!.error as Error).message, 'a was not reconciled within 20 ms');
});

test('at the end what runs is settled before the controller is', async (t) => {
  let settled = false;
  const { queue, stop, running } = start(t, async (_key, signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await Promise.resolve();
    settled = true;
    return {};
  });
  queue.add('a');
  await eventually('it runs', () => queue.depth === 0);
  stop.abort();
  await running;
  t.true(settled);
});
