// What choices are held to beside the loss.
import test from 'ava';
import { architectureTerm, entropyRamp } from '../../../worker/quantnas/architecture-term.ts';
import { bitOperations, choicesOf } from '../../../worker/quantnas/space.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const space = { operations: ['simple_1x1', 'simple_3x3'], bits: [4, 8] } as const;
const sizes = { H: 6, L: 3, space };

function term(alphas: readonly number[], penalty: number, entropy: number) {
  return scope(() => {
    const own = tensor(alphas, [4], 'float64');
    const { value, gradient } = architectureTerm(sizes, { penalty, entropy }, 0.5, own);
    return { value: item(value), gradient: toArray(gradient) };
  });
}

test('equal choices cost the share of a place of the penalty, and have the largest entropy', (t) => {
  t.true(Math.abs(term([1, 1, 1, 1], 0.6, 0).value - 0.6 / 6) < 1e-12);
  t.true(Math.abs(term([1, 1, 1, 1], 0, 2).value - 2 * 0.5 * Math.log(4)) < 1e-12);
});

test('a choice that is certain costs its own products, and has no entropy', (t) => {
  const costs = choicesOf(space).map((choice) => bitOperations(choice, 6));
  const usual = costs.reduce((sum, one) => sum + one, 0) / 4;
  for (const [i, cost] of costs.entries()) {
    const { value } = term(
      costs.map((_, j) => (i === j ? 60 : 0)),
      1,
      1,
    );
    t.true(Math.abs(value - cost / usual / 6) < 1e-12, `${value}`);
  }
});

test('the gradient is the slope', (t) => {
  const alphas = [0.3, -0.2, 1, 0.4];
  const { gradient } = term(alphas, 0.7, 0.3);
  for (const [i, found] of gradient.entries()) {
    const at = (h: number) =>
      term(
        alphas.map((alpha, j) => (i === j ? alpha + h : alpha)),
        0.7,
        0.3,
      ).value;
    const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
    t.true(Math.abs(slope - found) < 1e-9, `${slope} and ${found}`);
  }
});

test('entropy counts from a quarter of the search on, and fully in its last step', (t) => {
  const ramp = [9, 10, 20, 34, 35, 60, 109].map((step) => entropyRamp(step, 10, 111));
  t.deepEqual(ramp.slice(0, 4), [0, 0, 0, 0]);
  t.true((ramp[4] ?? 1) < 1e-9 && (ramp[5] ?? 0) > 0.3);
  t.true(Math.abs((ramp[6] ?? 0) - 0.9867) < 1e-3);
  t.is(entropyRamp(110, 10, 111), 1);
});
