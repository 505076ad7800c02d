import test from 'ava';
import fc from 'fast-check';
import { longestTimerMs, systemClock, timersFor } from '../../crds/clock.ts';

const day = 86_400_000;

test('any delay is made of timers that can be set, and lasts as long', (t) => {
  // Up to a thousand years, with the edge where one timer becomes two.
  const edge = fc.integer({ min: -3, max: 3 }).map((off) => longestTimerMs + off);
  const delay = fc.oneof(edge, fc.double({ min: -day, max: 365_000 * day, noNaN: true }));
  fc.assert(
    fc.property(delay, (ms) => {
      const parts = [...timersFor(ms)];
      t.true(parts.every((part) => part >= 0 && part <= longestTimerMs));
      const sum = parts.reduce((total, part) => total + part, 0);
      t.is(sum, Math.max(0, ms));
    }),
    // Sums of that many halves of a millisecond are exact.
    { numRuns: 200, seed: 1 },
  );
});

test('a delay without an end is made of timers without an end', (t) => {
  const timers = timersFor(Number.POSITIVE_INFINITY);
  for (let count = 0; count < 5; count++) t.is(timers.next().value, longestTimerMs);
});

test('a sleep of thirty days does not end at once, and ends when it is told to', async (t) => {
  const stop = new AbortController();
  const month = systemClock.sleep(30 * day, stop.signal).then(
    () => 'rang',
    () => 'was told to end',
  );
  const moment = systemClock.sleep(30, stop.signal).then(() => 'a moment later');
  t.is(await Promise.race([month, moment]), 'a moment later');
  stop.abort();
  t.is(await month, 'was told to end');
});
