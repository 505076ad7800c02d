// Which blocks are drawn: always the asked number of different ones, as often as their weights say,
// the same for the same names.
import test from 'ava';
import fc from 'fast-check';
import { drawInTurn, drawWeighted } from '../../../../worker/methods/selection/draw.ts';

const uniform = (blocks: number) => new Array<number>(blocks).fill(1);

test('a draw has as many different blocks as asked, in order, and all when more are asked than there are', (t) => {
  const draw = fc.record({
    blocks: fc.integer({ min: 1, max: 40 }),
    count: fc.integer({ min: 1, max: 50 }),
    interval: fc.integer({ min: 0, max: 1e6 }),
    seed: fc.bigInt({ min: 0n, max: 2n ** 40n }),
    zeros: fc.integer({ min: 0, max: 40 }),
  });
  fc.assert(
    fc.property(draw, ({ blocks, zeros, ...rest }) => {
      const weights = uniform(blocks).map((weight, block) => (block < zeros ? 0 : weight));
      for (const drawn of [
        drawWeighted(weights, rest),
        drawWeighted(uniform(blocks), rest),
        drawInTurn(blocks, rest),
      ]) {
        t.is(drawn.length, Math.min(rest.count, blocks));
        t.deepEqual(
          drawn,
          [...new Set(drawn)].sort((a, b) => a - b),
        );
        t.true(drawn.every((block) => block >= 0 && block < blocks));
      }
      t.deepEqual(drawWeighted(weights, rest), drawWeighted(weights, rest));
    }),
  );
});

test('over ten thousand intervals each block is drawn gamma / L of the time', (t) => {
  const [blocks, count, intervals] = [30, 2, 10_000];
  const found = uniform(blocks).map(() => 0);
  for (let interval = 0; interval < intervals; interval += 1) {
    for (const block of drawWeighted(uniform(blocks), { seed: 7n, interval, count })) {
      found[block]! += 1;
    }
  }
  const p = count / blocks;
  const deviation = Math.sqrt(intervals * p * (1 - p));
  for (const times of found) t.true(Math.abs(times - intervals * p) <= 4 * deviation, `${times}`);
});

test('drawn in turn, every block comes once before one comes twice, in another order for another seed', (t) => {
  for (const [blocks, count] of [
    [30, 2],
    [7, 3],
    [5, 4],
  ] as const) {
    const rounds = blocks;
    const times = uniform(blocks).map(() => 0);
    for (let interval = 0; interval < rounds; interval += 1) {
      for (const block of drawInTurn(blocks, { seed: 3n, interval, count })) times[block]! += 1;
      t.true(Math.max(...times) - Math.min(...times) <= 1, `${blocks}, ${count}: ${times}`);
    }
    t.deepEqual(new Set(times), new Set([count]));
  }
  const orders = [1n, 2n, 3n].map((seed) =>
    [0, 1, 2, 3].map((interval) => drawInTurn(30, { seed, interval, count: 1 })[0]),
  );
  t.is(new Set(orders.map(String)).size, 3);
});

test('the first of a weighted draw follows the weights', (t) => {
  const weights = [5, 0, 1, 3, 0.5, 0.5];
  const sum = weights.reduce((a, b) => a + b);
  const draws = 100_000;
  const found = weights.map(() => 0);
  for (let interval = 0; interval < draws; interval += 1) {
    found[drawWeighted(weights, { seed: 11n, interval, count: 1 })[0]!]! += 1;
  }
  t.is(found[1], 0);
  const chiSquare = weights.reduce((total, weight, block) => {
    const expected = (draws * weight) / sum;
    return expected === 0 ? total : total + ((found[block] ?? 0) - expected) ** 2 / expected;
  }, 0);
  // Four degrees of freedom: above 23.5 once in ten thousand seeds.
  t.true(chiSquare < 23.5, `${chiSquare}`);
});

test('later ones of a weighted draw follow the weights of those that are left', (t) => {
  const weights = [4, 2, 1, 1];
  const count = 2;
  const sum = 8;
  // P(b is drawn) = p_b + sum over a of p_a * p_b / (1 - p_a)
  const expected = weights.map((own, block) => {
    const later = weights.reduce((total, other, a) => {
      if (a === block) return total;
      const p = other / sum;
      return total + (p * (own / sum)) / (1 - p);
    }, 0);
    return own / sum + later;
  });
  const draws = 40_000;
  const found = weights.map(() => 0);
  for (let interval = 0; interval < draws; interval += 1) {
    for (const block of drawWeighted(weights, { seed: 5n, interval, count })) found[block]! += 1;
  }
  for (const [block, share] of expected.entries()) {
    t.true(Math.abs((found[block] ?? 0) / draws - share) <= 0.01, `${block}: ${share}`);
  }
});
