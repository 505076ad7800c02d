import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../../crds/failures/errors.ts';
import { ranksWithin } from '../../../../worker/methods/adapters/rank-budget.ts';

/** A rank takes 128 values of 4,096. */
const square = { out: 64, in: 64 };

test('ranks are in proportion to what layers contribute', (t) => {
  const layers = [square, square, square, square];
  t.deepEqual(ranksWithin(layers, [4, 2, 1, 1], { ratio: 0.5, rank: 64 }), [32, 16, 8, 8]);
});

test('a layer counts a tenth of the largest at least, and has one rank at least', (t) => {
  const layers = [square, square];
  t.deepEqual(ranksWithin(layers, [1, 0], { ratio: 0.35, rank: 64 }), [20, 2]);
  t.deepEqual(ranksWithin(layers, [1, 1e-9], { ratio: 0.032, rank: 64 }), [1, 1]);
});

test('layers that contribute nothing have equal ranks, and of equal claims the first wins', (t) => {
  const layers = [square, square];
  t.deepEqual(ranksWithin(layers, [0, 0], { ratio: 0.5, rank: 64 }), [16, 16]);
  t.deepEqual(ranksWithin(layers, [2, 2], { ratio: 0.33, rank: 64 }), [11, 10]);
});

test('a budget below one rank for each layer is refused with the least that is enough', (t) => {
  const refused = t.throws(() => ranksWithin([square], [1], { ratio: 0.01, rank: 4 }), {
    instanceOf: UserError,
    message: /coLora\.ratio is 0\.01, but adapters of rank 1 on all target layers are 0\.0313 of/,
  });
  const least = Number(/set it to ([\d.]+) at least/.exec(refused?.hint ?? '')?.[1]);
  t.deepEqual(ranksWithin([square], [1], { ratio: least, rank: 4 }), [1]);
});

test('no budget is exceeded, and none is left that a layer could have', (t) => {
  const layer = fc.record({
    out: fc.integer({ min: 8, max: 64 }),
    in: fc.integer({ min: 8, max: 64 }),
    contribution: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(layer, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 16 }),
      fc.double({ min: 0.25, max: 0.9, noNaN: true }),
      (layers, rank, ratio) => {
        const contributions = layers.map((one) => one.contribution);
        const ranks = ranksWithin(layers, contributions, { ratio, rank });
        const cost = (i: number) => (layers[i]?.out ?? 0) + (layers[i]?.in ?? 0);
        const spent = ranks.reduce((sum, own, i) => sum + own * cost(i), 0);
        const budget = ratio * layers.reduce((sum, one) => sum + one.out * one.in, 0);
        t.true(spent <= budget);
        for (const [i, own] of ranks.entries()) {
          const most = Math.min(rank, layers[i]?.out ?? 0, layers[i]?.in ?? 0);
          t.true(own >= 1 && own <= most);
          t.true(own === most || spent + cost(i) > budget);
        }
      },
    ),
  );
});

test('of layers of one size, none that contributes more has fewer', (t) => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: 2,
    maxLength: 6,
  });
  fc.assert(
    fc.property(shares, fc.double({ min: 0.1, max: 0.9, noNaN: true }), (own, ratio) => {
      const ranks = ranksWithin(
        own.map(() => square),
        own,
        { ratio, rank: 64 },
      );
      const most = Math.max(...own);
      for (const [i, a] of own.entries()) {
        for (const [j, b] of own.entries()) {
          // Below a tenth of the largest all count alike.
          if (a > b && 10 * a > most) t.true((ranks[i] ?? 0) >= (ranks[j] ?? 0));
        }
      }
    }),
  );
});
