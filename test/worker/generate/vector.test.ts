// An adapter as a vector, and back.
import test from 'ava';
import fc from 'fast-check';
import { shapeOf } from '../../../worker/generate/cvae-shape.ts';
import {
  conditionOf,
  conditionsOf,
  numbersIn,
  restored,
  slotsOf,
  standardised,
  statisticsOf,
} from '../../../worker/generate/vector.ts';

const layers = [
  { path: 'a', in: 5, out: 3 },
  { path: 'b', in: 4, out: 7 },
];
const slots = slotsOf(layers, 2);
const count = numbersIn(slots);
const vectors = fc.array(
  fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
    minLength: count,
    maxLength: count,
  }),
  { minLength: 1, maxLength: 4 },
);

test('tensors lie one behind the other', (t) => {
  t.is(count, 2 * (5 + 3 + 4 + 7));
  t.deepEqual(
    slots.map(({ name, shape, begin }) => [name, shape, begin]),
    [
      ['a.A', [2, 5], 0],
      ['a.B', [3, 2], 10],
      ['b.A', [2, 4], 16],
      ['b.B', [7, 2], 24],
    ],
  );
});

test('what was standardised is undone, and padding is zeros that nothing reads', (t) => {
  fc.assert(
    fc.property(vectors, (all) => {
      const statistics = statisticsOf(slots, all);
      for (const vector of all) {
        const x = standardised(vector, slots, statistics, count + 5);
        t.deepEqual([...x.slice(count)], [0, 0, 0, 0, 0]);
        x.fill(Number.NaN, count);
        const back = restored(x, slots, statistics);
        t.is(back.length, count);
        for (const [i, value] of vector.entries()) {
          // A subtraction, a division, and both undone: each rounds by 2^-53 of what it has.
          const slot = slots.findIndex(({ begin, count: own }) => i < begin + own);
          const size = Math.abs(value) + Math.abs(statistics.means[slot] ?? 0);
          t.true(Math.abs((back[i] ?? Number.NaN) - value) <= 4 * 2 ** -53 * size);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('over all adapters, each tensor has mean 0 and deviation 1', (t) => {
  const all = [0, 1, 2].map((seed) =>
    Float64Array.from({ length: count }, (_, i) => Math.sin(7 * i + seed) * (i < 10 ? 3 : 0.01)),
  );
  const statistics = statisticsOf(slots, all);
  const made = all.map((vector) => standardised(vector, slots, statistics, count));
  for (const { begin, count: own } of slots) {
    const values = made.flatMap((x) => [...x.slice(begin, begin + own)]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    t.true(Math.abs(mean) < 1e-12 && Math.abs(square - 1) < 1e-12, `${mean}, ${square}`);
  }
});

test('a tensor of equal numbers stays finite', (t) => {
  const statistics = statisticsOf(slots, [new Float64Array(count).fill(0.25)]);
  const x = standardised(new Float64Array(count).fill(0.25), slots, statistics, count);
  t.true(x.every((value) => value === 0));
  t.true(restored(x, slots, statistics).every((value) => value === 0.25));
});

test('a condition is what a task differs by from the mean of all', (t) => {
  const all = [
    [10, 20, 30],
    [12, 21, 26],
  ];
  const conditions = conditionsOf(all);
  const made = all.map((vector) => conditionOf(vector, conditions));
  t.deepEqual(
    made[0],
    made[1]?.map((value) => -value),
  );
  const square = made.flat().reduce((sum, value) => sum + value ** 2, 0) / 6;
  t.true(Math.abs(square - 1) < 1e-12);
  t.deepEqual(conditionOf([1, 2, 3], conditionsOf([[1, 2, 3]])), [0, 0, 0], 'one task alone');
});

test('twelve blocks pad to a multiple of 4096; small adapters lose inner blocks', (t) => {
  const channels = [8, 16, 32, 64, 128, 256, 256, 128, 64, 32, 16, 8];
  const of = (numbers: number) =>
    shapeOf({ numbers, condition: 1, latent: 1, channels, kernel: 7 });
  const large = of(230_400);
  t.deepEqual([large.blocks, large.padded, large.positions], [channels, 57 * 4096, 57]);
  const small = of(3000);
  t.deepEqual([small.blocks, small.padded % 2 ** small.blocks.length], [[8, 16, 32, 32, 16, 8], 0]);
  for (const numbers of [1, 31, 33, 100, 5000, 131_072, 131_073]) {
    const { blocks, padded, positions } = of(numbers);
    t.true(blocks.length >= 1 && padded >= numbers && padded === positions * 2 ** blocks.length);
  }
});
