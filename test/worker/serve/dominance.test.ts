import test from 'ava';
import fc from 'fast-check';
import { dominance, dominantWeights } from '../../../worker/serve/dominance.ts';

const parts = fc.integer({ min: 1, max: 64 });

test('weights sum to the number of parts, for any weight of the leader', (t) => {
  const w = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(parts, fc.nat(63), w, (count, at, own) => {
      const leader = at % count;
      const weights = dominantWeights(count, leader, own);
      const sum = weights.reduce((all, weight) => all + weight, 0);
      t.true(Math.abs(sum - count) <= count * 1e-12);
      const others = weights.filter((_, i) => i !== leader);
      for (const other of others) {
        t.true(Math.abs((weights[leader] ?? 0) / other / own - 1) <= 1e-12);
      }
    }),
  );
});

test('the leader begins with half less than the number of parts, and ends as one of them', (t) => {
  fc.assert(
    fc.property(parts, fc.nat(40), (count, turn) => {
      const [now, next] = [dominance(count, turn), dominance(count, turn + 1)];
      t.true(now >= 1);
      t.is(next, Math.max(1, now / 2));
    }),
  );
  t.deepEqual(
    [0, 1, 2, 3].map((turn) => dominance(3, turn)),
    [2.5, 1.25, 1, 1],
  );
  t.is(dominance(1, 0), 1);
  t.deepEqual(dominantWeights(2, 1, 1.5), [0.8, 0.8 * 1.5]);
  t.deepEqual(dominantWeights(4, 2, 1), [1, 1, 1, 1]);
});
