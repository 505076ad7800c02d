// Golden losses and gradients by a precision that rounds nothing in float64.
import type { ExecutionContext } from 'ava';
import type { Precision } from '../../../../worker/methods/precision/precision.ts';
import { liveHandles } from '../../../../worker/tensor/memory.ts';
import { aModel, aSequence, gradientsOf } from '../../../builders/training.ts';
import { type golden, goldenIds } from '../../../toy/golden.ts';

/**
 * Printed with 9 decimals; the rest is rounding of some 10^4 operations on values of size 10, and
 * of as many in the rotations.
 */
const nineDecimals = 0.5e-9 + 2e4 * 10 * 2 ** -53;

export function isGoldenBy(
  t: ExecutionContext,
  each: (typeof golden.cases)[number],
  precision: Precision,
): void {
  const model = aModel(each, null, precision);
  using _parameters = model.parameters;
  const before = liveHandles();
  for (const mode of ['keep', 'recompute'] as const) {
    const { loss, gradients } = gradientsOf(model, [aSequence([goldenIds])], mode);
    t.true(Math.abs(loss - each.loss) <= nineDecimals, `loss ${loss}`);
    let squares = 0;
    for (const values of gradients.values()) for (const x of values) squares += x * x;
    t.true(Math.abs(Math.sqrt(squares) - each.gnorm) <= nineDecimals, `gnorm ${squares}`);
  }
  t.is(liveHandles(), before, 'a step leaves no codes of weights that moved');
}
