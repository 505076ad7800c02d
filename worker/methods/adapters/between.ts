// What stands between the two factors of a change joins the smaller one: that is the least to
// multiply, and the least that a tape keeps of it.
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ProductDelta } from './delta.ts';

/** `B M A` in place of `B A`; `M [r, r]`. */
export function withMatrix(delta: ProductDelta, M: Tensor): ProductDelta {
  return joinsA(delta)
    ? { ...delta, A: ops.factorProduct(M, delta.A) }
    : { ...delta, B: ops.factorProduct(delta.B, M) };
}

/** `B diag(d) A` in place of `B A`; `d [r]`. */
export function withDiagonal(delta: ProductDelta, d: Tensor): ProductDelta {
  return joinsA(delta)
    ? { ...delta, A: ops.mul(delta.A, ops.unsqueeze(d, 1)) }
    : { ...delta, B: ops.mul(delta.B, d) };
}

function joinsA({ A, B }: ProductDelta): boolean {
  return (A.shape[1] ?? 0) < (B.shape[0] ?? 0);
}
