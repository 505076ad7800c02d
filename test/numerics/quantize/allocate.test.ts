// Formats within a budget, against all combinations.
import test from 'ava';
import fc from 'fast-check';
import { allocate, type Option } from '../../../worker/quantize/allocate.ts';

const options = fc.array(
  fc.record({ bytes: fc.integer({ min: 1, max: 40 }), cost: fc.integer({ min: 0, max: 60 }) }),
  { minLength: 1, maxLength: 6 },
);
const problem = fc.record({
  items: fc.array(options, { minLength: 0, maxLength: 5 }),
  budget: fc.integer({ min: 0, max: 160 }),
});

/** The least cost of all combinations within the budget. */
function leastCost(items: readonly (readonly Option[])[], budget: number): number | null {
  const [first, ...rest] = items;
  if (first === undefined) return budget >= 0 ? 0 : null;
  const found = first.flatMap(({ bytes, cost }) => {
    const others = leastCost(rest, budget - bytes);
    return others === null ? [] : [cost + others];
  });
  return found.length === 0 ? null : Math.min(...found);
}

function totals(items: readonly (readonly Option[])[], chosen: readonly number[]): Option {
  const picked = items.map((own, i) => own[chosen[i]!]!);
  return {
    bytes: picked.reduce((sum, { bytes }) => sum + bytes, 0),
    cost: picked.reduce((sum, { cost }) => sum + cost, 0),
  };
}

test('no combination within the budget costs less', (t) => {
  fc.assert(
    fc.property(problem, ({ items, budget }) => {
      const chosen = allocate(items, budget);
      const wanted = leastCost(items, budget);
      if (chosen === null) {
        t.is(wanted, null);
        return;
      }
      t.is(chosen.length, items.length);
      const { bytes, cost } = totals(items, chosen);
      t.true(bytes <= budget);
      t.true(cost === wanted, `${cost} ${wanted}`);
    }),
    { numRuns: 2000 },
  );
});

test('the best is found where the best fractions lead elsewhere', (t) => {
  // Gain for a byte says: the first item takes its second option, and nothing else fits.
  const items = [
    [
      { bytes: 1, cost: 10 },
      { bytes: 7, cost: 3 },
    ],
    [
      { bytes: 1, cost: 10 },
      { bytes: 6, cost: 4.5 },
    ],
    [
      { bytes: 1, cost: 10 },
      { bytes: 6, cost: 4.5 },
    ],
  ];
  t.deepEqual(allocate(items, 13), [0, 1, 1]);
});

test('with room for all, each item takes its best; without room for any, there is no choice', (t) => {
  const items = Array.from({ length: 300 }, (_, i) => [
    { bytes: 20, cost: 9 + (i % 3) },
    { bytes: 40, cost: 4 },
    { bytes: 80, cost: 1 },
  ]);
  t.deepEqual(
    allocate(items, 300 * 80),
    items.map(() => 2),
  );
  t.is(allocate(items, 300 * 20 - 1), null);
});

test('hundreds of matrices of a model take a fraction of a second', (t) => {
  const sizes = [331_776, 110_592, 110_592, 331_776, 884_736, 884_736, 884_736];
  const items = Array.from({ length: 224 }, (_, i) => {
    const values = sizes[i % sizes.length]!;
    const sensitivity = 1 + ((i * 7919) % 101) / 10;
    return [2.25, 2.5, 3.25, 3.5, 4.25, 4.5, 8.25].map((bits) => {
      return { bytes: (values * bits) / 8, cost: (values * sensitivity) / 4 ** bits };
    });
  });
  const budget = items.reduce((sum, _, i) => sum + (sizes[i % sizes.length]! * 3.25) / 8, 0);
  const began = process.cpuUsage();
  const chosen = allocate(items, budget);
  const seconds = process.cpuUsage(began).user / 1e6;
  t.true(totals(items, chosen!).bytes <= budget);
  t.true(seconds < 20, `${seconds} s of processor time`);
  t.log(`${seconds.toFixed(2)} s`);
});
