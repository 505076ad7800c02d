// A weight as a quantized matrix and a product of low rank, each fitted in turn to what the other
// leaves:
//   L = best approximation of W - Q of the rank      Q = quantized(W - L)      Q = 0 at first
//   with weights of rows and columns: d (W - L - Q) e is what both make small
// The error |W - L - Q| need not fall, since scales follow from what is quantized: fitting ends
// where it does not, and the split before is kept.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../tensor/tensor.ts';
import { addProduct_ } from '../optimizers/subspace.ts';
import type { Importance } from './adapter.ts';
import type { BalancedFactors } from './singular-vectors.ts';
import { type ErrorWeights, nearestFactors, weighted } from './weighted-factors.ts';

interface Splitting {
  readonly rank: number;
  /** Of the product. */
  readonly scale: number;
  /** At most. */
  readonly iterations: number;
  /** The directions of the smaller side. */
  readonly find: (matrix: Tensor, rank: number) => Tensor;
  /** The values that a matrix has once it is quantized. */
  readonly quantized: (matrix: Tensor) => Tensor;
  /** What rows and columns of the error weigh; null: the same. @default null */
  readonly weights?: ErrorWeights | null;
}

interface Split {
  /** Of the product; the quantized matrix follows from them. */
  readonly factors: BalancedFactors;
  /** Lengths of what both parts leave, one for each iteration: they fall. */
  readonly errors: readonly number[];
}

export function quantizedSplit(
  W: Tensor,
  { rank, scale, iterations, find, quantized, weights = null }: Splitting,
): Split {
  const rest = ops.clone(W);
  const iterate = (): { readonly factors: BalancedFactors; readonly error: number } =>
    scope(() => {
      const factors = nearestFactors(rest, { rank, scale, find, weights });
      ops.copy_(rest, W);
      addScaled_(rest, factors, -scale);
      ops.sub_(rest, quantized(rest));
      return { factors, error: lengthOf(weighted(rest, weights)) };
    });
  let best = iterate();
  const errors = [best.error];
  while (errors.length < iterations) {
    addScaled_(rest, best.factors, scale);
    const next = iterate();
    const isBetter = next.error < best.error;
    const { A, B } = isBetter ? best.factors : next.factors;
    A.dispose();
    B.dispose();
    if (!isBetter) break;
    best = next;
    errors.push(next.error);
  }
  rest.dispose();
  return { factors: best.factors, errors };
}

/** The least weight, relative to the mean: a row without a gradient is not divided by zero. */
const leastWeight = 1e-4;

/** Roots of the Fisher information, taken for a product of rows and columns. */
export function weightsOf(
  { rows, columns }: Importance,
  dtype: Tensor['dtype'],
): Required<ErrorWeights> {
  const relative = (sums: Tensor, dim: number): Tensor => {
    const roots = toArray(sums).map(Math.sqrt);
    const mean = roots.reduce((sum, root) => sum + root, 0) / roots.length;
    const weights = roots.map((root) => (mean > 0 ? Math.max(root / mean, leastWeight) : 1));
    return ops.unsqueeze(tensor(weights, [weights.length], dtype), dim);
  };
  return { rows: relative(rows, 1), columns: relative(columns, 0) };
}

/** By what squares of an error under `weightsOf` become those under the information itself. */
export function scaleOfWeights({ rows, columns }: Importance): number {
  const [ofRows, ofColumns] = [rows, columns].map((sums) => toArray(sums)) as [number[], number[]];
  const total = ofRows.reduce((sum, one) => sum + one, 0);
  if (total === 0) return 0;
  const root = (sums: number[]) => sums.reduce((sum, one) => sum + Math.sqrt(one), 0) / sums.length;
  return (root(ofRows) * root(ofColumns)) ** 2 / total;
}

function addScaled_(into: Tensor, { A, B }: BalancedFactors, scale: number): void {
  addProduct_(into, { left: B, right: A }, scale);
}

/** The same for any number of threads: each row is summed by one. */
function lengthOf(matrix: Tensor): number {
  return Math.hypot(...toArray(ops.linalgVectorNorm(matrix, 2, [1])));
}
