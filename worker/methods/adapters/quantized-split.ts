// A weight as a quantized matrix and a product of low rank, each fitted in turn to what the other
// leaves:
//   L = best approximation of W - Q of the rank      Q = quantized(W - L)      Q = 0 at first
// The error |W - L - Q| need not fall, since scales follow from what is quantized: fitting ends
// where it does not, and the split before is kept.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { type Tensor, toArray } from '../../tensor/tensor.ts';
import { addProduct_ } from '../optimizers/subspace.ts';
import { type BalancedFactors, balancedFactors } from './singular-vectors.ts';

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
}

interface Split {
  /** Of the product; the quantized matrix follows from them. */
  readonly factors: BalancedFactors;
  /** Lengths of what both parts leave, one for each iteration: they fall. */
  readonly errors: readonly number[];
}

export function quantizedSplit(
  W: Tensor,
  { rank, scale, iterations, find, quantized }: Splitting,
): Split {
  const rest = ops.clone(W);
  const iterate = (): { readonly factors: BalancedFactors; readonly error: number } =>
    scope(() => {
      const factors = balancedFactors(rest, find(rest, rank), scale);
      ops.copy_(rest, W);
      addScaled_(rest, factors, -scale);
      ops.sub_(rest, quantized(rest));
      return { factors, error: lengthOf(rest) };
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

function addScaled_(into: Tensor, { A, B }: BalancedFactors, scale: number): void {
  addProduct_(into, { left: B, right: A }, scale);
}

/** The same for any number of threads: each row is summed by one. */
function lengthOf(matrix: Tensor): number {
  return Math.hypot(...toArray(ops.linalgVectorNorm(matrix, 2, [1])));
}
