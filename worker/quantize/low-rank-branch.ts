// SVDQuant (Li et al. 2024): what integers cannot hold of a smoothed weight is a product of low
// rank in 16 bits, beside them. Each is fitted in turn to what the other leaves:
//   L = best approximation of W - Q of the rank      Q = on the grid (W - L)      Q = 0 at first
// Columns weigh as much as their inputs are large (in the root mean square). What counts is the
// error of the outputs, which need not fall: fitting ends where it does not, and the best is kept.

import { nearestFactors } from '../methods/adapters/weighted-factors.ts';
import { sketchedSubspace } from '../methods/optimizers/subspace.ts';
import { asBfloat16 } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  columnWeights,
  type LowRankBranch,
  type Outputs,
  relativeLoss,
  type TrialSettings,
  tried,
} from './trial.ts';

interface Fitting extends TrialSettings {
  readonly rank: number;
  /** At most. */
  readonly iterations: number;
}

interface FittedBranch {
  readonly branch: LowRankBranch;
  /** Relative squared errors of the outputs, one for each iteration: they fall. */
  readonly losses: readonly number[];
}

/** For `weight [O, I]` and its outputs, float32; values of the branch are of bfloat16. */
export function fittedBranch(weight: Tensor, outputs: Outputs, fitting: Fitting): FittedBranch {
  return scope(() => {
    const columns = columnWeights(outputs.x);
    const iterate = (rest: Tensor) =>
      scope(() => {
        const branch = nearestBranch(rest, columns, fitting.rank);
        const found = tried(weight, branch, fitting);
        const loss = relativeLoss(outputs, found, fitting);
        return { branch, loss, rest: ops.sub(weight, found.values) };
      });
    let best = iterate(weight);
    const losses = [best.loss];
    while (losses.length < fitting.iterations) {
      const next = iterate(best.rest);
      if (!(next.loss < best.loss)) break;
      best = next;
      losses.push(next.loss);
    }
    return { branch: best.branch, losses };
  });
}

/** The branch that comes nearest to `matrix`, where columns weigh `columns [I]`. */
export function nearestBranch(matrix: Tensor, columns: Tensor, rank: number): LowRankBranch {
  return scope(() => {
    const most = Math.min(rank, ...matrix.shape);
    const asked = { rank: most, find: sketchedSubspace, weights: { columns } };
    const { A, B } = nearestFactors(matrix, asked);
    return { A: asBfloat16(A), B: asBfloat16(B) };
  });
}
