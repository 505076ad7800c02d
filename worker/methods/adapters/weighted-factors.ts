// The product of low rank that comes nearest to a matrix, where rows and columns of the error
// weigh differently: that of the weighted matrix, with the weights taken out of its factors.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type BalancedFactors, balancedFactors } from './singular-vectors.ts';

/** What rows `[O, 1]` and columns `[I]` of an error weigh; without rows, they weigh the same. */
export interface ErrorWeights {
  readonly rows?: Tensor;
  readonly columns: Tensor;
}

interface Nearest {
  readonly rank: number;
  /** Of the product: `scale B A`. @default 1 */
  readonly scale?: number;
  /** A basis of the smaller side (optimizers/subspace.ts). */
  readonly find: (matrix: Tensor, rank: number) => Tensor;
  /** Null: all alike. */
  readonly weights: ErrorWeights | null;
}

/** For `matrix [O, I]`. */
export function nearestFactors(
  matrix: Tensor,
  { rank, scale = 1, find, weights }: Nearest,
): BalancedFactors {
  return scope(() => {
    const shown = weighted(matrix, weights);
    const factors = balancedFactors(shown, find(shown, rank), scale);
    if (weights === null) return factors;
    const { rows, columns } = weights;
    const { A, B } = factors;
    return { A: ops.div(A, columns), B: rows === undefined ? B : ops.div(B, rows) };
  });
}

/** The matrix itself where nothing weighs. */
export function weighted(matrix: Tensor, weights: ErrorWeights | null): Tensor {
  if (weights === null) return matrix;
  const { rows, columns } = weights;
  return rows === undefined ? ops.mul(matrix, columns) : ops.mul_(ops.mul(matrix, rows), columns);
}
