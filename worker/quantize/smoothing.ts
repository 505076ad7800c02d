// The factors of a place by which the least of its outputs is lost once weights (and inputs) are
// quantized: of exponents 0, 0.1, … 1 the best, or none at all.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { nearestBranch } from './low-rank-branch.ts';
import { rescaled, smoothingFactors } from './rescale.ts';
import { columnWeights, relativeLoss, type TrialSettings, tried } from './trial.ts';

export interface SmoothingTrial extends TrialSettings {
  /** Of a branch beside the integers, which takes part in the choice; 0: none. */
  readonly rank: number;
}

interface Measured {
  /** Of the layers that read the inputs: `[O, I]` each. */
  readonly weights: readonly Tensor[];
  /** Some inputs, `[T, I]`. */
  readonly x: Tensor;
  /** The largest magnitude of each channel of all inputs, `[I]`. */
  readonly largest: Tensor;
}

interface Smoothed {
  /** `[I]`, before they are those that can be folded; null where nothing is gained. */
  readonly factors: Tensor | null;
  readonly alpha: number | null;
  /** Relative squared errors of the outputs, summed over layers: without factors, and with them. */
  readonly before: number;
  readonly after: number;
}

/** `allowed`: the factors nearest to some that can be folded. */
export function searchedFactors(
  { weights, x, largest }: Measured,
  trial: SmoothingTrial,
  allowed: (factors: Tensor) => Tensor = (factors) => factors,
): Smoothed {
  return scope(() => {
    const columns = largestOfColumns(weights);
    const layers = weights.map((weight) => ({ weight, y: ops.linear(x, weight) }));
    const before = lossWith(layers, x, null, trial);
    let best: Smoothed = { factors: null, alpha: null, before, after: before };
    for (let tenth = 0; tenth <= 10; tenth += 1) {
      const factors = smoothingFactors(largest, columns, tenth / 10);
      const after = scope(() => lossWith(layers, x, allowed(factors), trial));
      if (after < best.after) best = { factors, alpha: tenth / 10, before, after };
    }
    return best;
  });
}

/** The largest magnitude of each column of any of the weights: `[I]`. */
function largestOfColumns(weights: readonly Tensor[]): Tensor {
  return scope(() =>
    ops.amax(ops.stack(weights.map((weight) => ops.amax(ops.abs(weight), [0]))), [0]),
  );
}

interface Layer {
  readonly weight: Tensor;
  /** Its outputs for `x`. */
  readonly y: Tensor;
}

function lossWith(
  layers: readonly Layer[],
  x: Tensor,
  columns: Tensor | null,
  trial: SmoothingTrial,
): number {
  return scope(() => {
    const divided = columns === null ? x : ops.div(x, columns);
    const { rank } = trial;
    const weights = rank === 0 ? null : columnWeights(divided);
    const lossOf = ({ weight, y }: Layer): number =>
      scope(() => {
        const own = rescaled(weight, { columns, rows: null });
        const branch = weights && nearestBranch(own, weights, rank);
        return relativeLoss({ x: divided, y }, tried(own, branch, trial), trial);
      });
    return layers.reduce((sum, layer) => sum + lossOf(layer), 0);
  });
}
