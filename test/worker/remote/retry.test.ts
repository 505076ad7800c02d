import test from 'ava';
import fc from 'fast-check';
import { TransientError, UserError } from '../../../crds/failures/errors.ts';
import { type RetryPolicy, retry } from '../../../worker/remote/retry.ts';
import { FakeClock } from '../../doubles/clock.ts';

const never = new AbortController().signal;
const policy: RetryPolicy = { firstMs: 1000, longestMs: 8000, budgetMs: 60_000 };
const away = (retryAfterMs?: number) =>
  new TransientError({ code: 'E_HUB_UNAVAILABLE', message: 'away', retryAfterMs });

function tools(rng: () => number, facts: Partial<RetryPolicy> = {}) {
  const clock = new FakeClock();
  const waits: number[] = [];
  const onRetry = (_: TransientError, waitMs: number) => {
    waits.push(waitMs);
    setImmediate(() => clock.advance(waitMs));
  };
  return { clock, waits, rng, onRetry, policy: { ...policy, ...facts } };
}

test('Waits double up to the longest one, and the last error is thrown when the budget is used up', async (t) => {
  const given = tools(() => 1);
  const error = await t.throwsAsync(retry(async () => Promise.reject(away()), given, never));
  t.is(error.message, 'away');
  t.deepEqual(given.waits, [1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000]);
});

test('Every wait lies between half of the back-off and all of it, and their sum within the budget', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
      async (draws) => {
        let at = 0;
        const given = tools(() => draws[at++ % draws.length] ?? 0);
        await t.throwsAsync(retry(async () => Promise.reject(away()), given, never));
        for (const [i, waitMs] of given.waits.entries()) {
          const backOff = Math.min(policy.longestMs, policy.firstMs * 2 ** i);
          t.true(waitMs >= backOff / 2 && waitMs <= backOff);
        }
        t.true(given.waits.reduce((sum, ms) => sum + ms, 0) <= policy.budgetMs);
      },
    ),
    { numRuns: 50 },
  );
});

test('Progress starts waits and budget anew', async (t) => {
  const given = tools(() => 1);
  let attempts = 0;
  const result = await retry(
    async (progressed) => {
      attempts += 1;
      if (attempts === 20) return 'done';
      progressed();
      throw away();
    },
    given,
    never,
  );
  t.is(result, 'done');
  t.deepEqual(new Set(given.waits), new Set([1000]));
});

test('A longer Retry-After replaces the wait, and one beyond the budget ends it at once', async (t) => {
  const given = tools(() => 1);
  let attempts = 0;
  await retry(
    async () => {
      attempts += 1;
      if (attempts === 1) throw away(30_000);
    },
    given,
    never,
  );
  t.deepEqual(given.waits, [30_000]);
  const other = tools(() => 1);
  await t.throwsAsync(retry(async () => Promise.reject(away(1e9)), other, never));
  t.deepEqual(other.waits, []);
});

test('What no wait cures passes at once', async (t) => {
  const given = tools(() => 1);
  const error = new UserError({ code: 'E_SOURCE_NOT_FOUND', message: 'nothing there' });
  t.is(await t.throwsAsync(retry(async () => Promise.reject(error), given, never)), error);
  t.deepEqual(given.waits, []);
});

test('An abort ends a wait with the reason of the abort', async (t) => {
  const abort = new AbortController();
  const clock = new FakeClock();
  const onRetry = () => abort.abort(new Error('enough'));
  const given = { policy, clock, rng: () => 1, onRetry };
  await t.throwsAsync(
    retry(async () => Promise.reject(away()), given, abort.signal),
    {
      message: 'enough',
    },
  );
  t.is(clock.sleeping, 0);
});
