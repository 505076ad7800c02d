// LoRC, the low-rank compensation of ZeroQuant-V2 and ZeroQuant-FP (Yao et al., Wu et al. 2023):
// what quantizing lost, as nearly as a product of low rank can have it.
//   E = W - Q(W)      B A D = best approximation of E D of the rank      D = diag(rms of inputs)
// The error of a good quantizer is nearly white, so the first components hold little of it;
// weighted by the inputs they hold much of what the outputs lost. D = I is the form of the papers.
// Components are exact, not sketched: singular values that are nearly equal have no gap that a
// sketch could use.
import type { BalancedFactors } from '../methods/adapters/singular-vectors.ts';
import { nearestFactors } from '../methods/adapters/weighted-factors.ts';
import { topSubspace } from '../methods/optimizers/subspace.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** An input that no token used counts for as much of the mean. */
const least = 1e-4;

/**
 * For `error [O, I]`, float32, and mean squares of inputs `[I]`, of any scale; null: all alike. At
 * most as many ranks as the matrix has.
 */
export function lowRankError(error: Tensor, rank: number, squares: Tensor | null): BalancedFactors {
  const most = Math.min(rank, ...error.shape);
  return scope(() => {
    const weights = squares && { columns: sizesOf(squares) };
    return nearestFactors(error, { rank: most, find: topSubspace, weights });
  });
}

function sizesOf(squares: Tensor): Tensor {
  const floor = ops.addScalar(ops.mulScalar(ops.mean(squares), least), Number.MIN_VALUE);
  return ops.sqrt(ops.maximum(squares, floor));
}
