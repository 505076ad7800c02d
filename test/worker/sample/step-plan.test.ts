import test from 'ava';
import fc from 'fast-check';
import {
  blocksOf,
  dominantPlan,
  meanPlan,
  type StepPlan,
  switchPlan,
} from '../../../worker/sample/step-plan.ts';

const sumOf = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0);
const leaderOf = ({ shares }: StepPlan): number => shares.indexOf(Math.max(...shares));

test('shares of a mean are its weights by their sum, at each step', (t) => {
  const plan = meanPlan([3, -1], 2);
  t.deepEqual(plan, Array(2).fill({ shares: [1.5, -0.5], deep: [true, true] }));
});

test('switch: one part alone for a span, then the next', (t) => {
  const plan = switchPlan(3, 7, 2);
  t.deepEqual(plan.map(leaderOf), [0, 0, 1, 1, 2, 2, 0]);
  t.true(plan.every(({ shares }) => sumOf(shares) === 1 && shares.includes(1)));
});

test('dominant: weights of the paper, which fall to those of the mean', (t) => {
  const sequencing = { high: [0, 1, 2], rest: [], fallsAt: 9 };
  const plan = dominantPlan(sequencing, { steps: 9, span: 3, caches: false });
  const rounded = ({ shares }: StepPlan) => shares.map((one) => Math.round(1e6 * one) / 1e6);
  t.deepEqual(rounded(plan[0] ?? never()), [0.555556, 0.222222, 0.222222]);
  t.deepEqual(plan[0]?.shares, plan[2]?.shares);
  t.deepEqual(rounded(plan[3] ?? never()), [0.307692, 0.384615, 0.307692]);
  t.deepEqual(rounded(plan[8] ?? never()), [0.333333, 0.333333, 0.333333]);
});

test('dominant: parts of high frequencies lead in turn until those fall, then the others', (t) => {
  const sequencing = { high: [2, 0], rest: [3, 1], fallsAt: 5 };
  const plan = dominantPlan(sequencing, { steps: 10, span: 2, caches: true });
  t.deepEqual(
    plan.map(({ leader }) => leader),
    [2, 2, 0, 0, 2, 2, 1, 1, 3, 3],
  );
  // Turns begin at 0, 2, 4, 6, 8; who leads computes its deep blocks then.
  t.deepEqual(
    plan.map(({ deep }) => deep.flatMap((computes, part) => (computes ? [part] : []))),
    [[0, 1, 2, 3], [], [0], [], [2], [], [1], [], [3], []],
  );
});

test('with turns of one step, without the cache, and of one part all blocks are computed', (t) => {
  const two = { high: [0], rest: [1], fallsAt: 2 };
  const all = (plan: readonly StepPlan[]) => plan.every(({ deep }) => deep.every(Boolean));
  t.true(all(dominantPlan(two, { steps: 8, span: 1, caches: true })));
  t.true(all(dominantPlan(two, { steps: 8, span: null, caches: false })));
  t.false(all(dominantPlan(two, { steps: 8, span: null, caches: true })));
  const one = { high: [0], rest: [], fallsAt: 2 };
  t.true(all(dominantPlan(one, { steps: 8, span: null, caches: true })));
});

test('shares sum to 1 whatever the parts, turns and groups are', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.integer({ min: 1, max: 9 })),
      fc.integer({ min: 0, max: 60 }),
      (high, rest, steps, span, fallsAt) => {
        const numbers = Array.from({ length: high + rest }, (_, i) => i);
        const sequencing = { high: numbers.slice(0, high), rest: numbers.slice(high), fallsAt };
        const plan = dominantPlan(sequencing, { steps, span, caches: true });
        t.is(plan.length, steps);
        // N terms, each rounded.
        for (const { shares } of plan) t.true(Math.abs(sumOf(shares) - 1) <= 16 * 2 ** -52);
        t.true(plan[0]?.deep.every(Boolean));
      },
    ),
  );
});

test('blocks that are passed', (t) => {
  const sizes = { L: 8, deep: 4 };
  t.is(blocksOf(meanPlan([1, 1], 3), sizes), 48);
  t.is(blocksOf(switchPlan(2, 3, 1), sizes), 24);
  const plan = dominantPlan(
    { high: [0], rest: [1], fallsAt: 4 },
    {
      ...{ steps: 4, span: 2, caches: true },
    },
  );
  // All of both, none, all of one, none.
  t.is(blocksOf(plan, sizes), 16 + 8 + 12 + 8);
});

function never(): never {
  throw new Error('a plan has all steps');
}
