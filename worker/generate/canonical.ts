// One form for all factors of the same change. (B, A) and (B Q, Q^-1 A) change a weight alike, but
// a loss on the numbers of factors sees two adapters. The form here follows from the change alone:
//   s B A = U S V^T      B' = U sqrt(S) D      A' = D sqrt(S) V^T      D = diag(+-1)
// with singular values in descending order, and signs by which the entry of each column of U with
// the largest magnitude is positive. The scale is part of the factors then: that of the result is
// 1. Where singular values are equal, their columns are not determined.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import { byOneThread } from '../tensor/threads.ts';

interface Factors {
  /** `[r, in]` */
  readonly A: Tensor;
  /** `[out, r]` */
  readonly B: Tensor;
}

/** Factors of `scale B A` in that form, in float64. */
export function canonical({ A, B }: Factors, scale: number): Factors {
  return byOneThread(() =>
    scope(() => {
      const [left, leftCore] = ops.linalgQr(ops.to(B, 'float64'));
      const [right, rightCore] = ops.linalgQr(ops.t(ops.to(A, 'float64')));
      const core = ops.mulScalar(ops.mm(leftCore, ops.t(rightCore)), scale);
      const [u, values, v] = ops.linalgSvd(core, false);
      const U = ops.mm(left, u);
      const weights = ops.mul(ops.sqrt(values), signsOf(U));
      const rank = A.shape[0] ?? 0;
      return {
        A: filled(ops.mul(ops.mm(v, ops.t(right)), ops.unsqueeze(weights, 1)), 0, rank),
        B: filled(ops.mul(U, weights), 1, rank),
      };
    }),
  );
}

/** Of each column, the sign of its entry with the largest magnitude. */
function signsOf(U: Tensor): Tensor {
  const places = ops.unsqueeze(ops.argmax(ops.abs(U), 0), 0);
  const signs = toArray(ops.sign(ops.gather(U, 0, places)));
  return tensor(
    signs.map((sign) => (sign < 0 ? -1 : 1)),
    [signs.length],
    'float64',
  );
}

/** With zeros for ranks that the layer is too small to have. */
function filled(factor: Tensor, dim: 0 | 1, rank: number): Tensor {
  const [rows = 0, columns = 0] = factor.shape;
  const own = dim === 0 ? rows : columns;
  if (own === rank) return ops.contiguous(factor);
  const shape = dim === 0 ? [rank - own, columns] : [rows, rank - own];
  return ops.cat([factor, ops.zeros(shape, { dtype: factor.dtype })], dim);
}
