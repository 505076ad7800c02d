// Singular vectors of a weight from a basis of its smaller side (optimizers/subspace.ts).
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';

interface SingularVectors {
  /** `[O, r]`, orthonormal columns. */
  readonly U: Tensor;
  /** `[r]` */
  readonly S: Tensor;
  /** `[r, I]`, orthonormal rows. */
  readonly V: Tensor;
}

/**
 * The components of `W [O, I]` for the vectors `basis [N, r]` of its smaller side. Those of the
 * other side are `W` times them, which are orthogonal, divided by their lengths.
 */
export function singularVectors(W: Tensor, basis: Tensor): SingularVectors {
  const [out = 0, inputs = 0] = W.shape;
  if (out >= inputs) {
    const { unit, sizes } = unitRows(ops.linear(ops.contiguous(ops.t(basis)), W));
    return { U: ops.t(unit), S: sizes, V: ops.contiguous(ops.t(basis)) };
  }
  const turned = ops.contiguous(ops.t(W));
  const { unit, sizes } = unitRows(ops.linear(ops.contiguous(ops.t(basis)), turned));
  return { U: basis, S: sizes, V: unit };
}

export interface BalancedFactors {
  /** `[r, I]` */
  readonly A: Tensor;
  /** `[O, r]` */
  readonly B: Tensor;
}

/** The same components as `scale * B A`, with A A^T = B^T B. */
export function balancedFactors(W: Tensor, basis: Tensor, scale: number): BalancedFactors {
  const { U, S, V } = singularVectors(W, basis);
  const share = ops.sqrt(ops.divScalar(S, scale));
  return { A: ops.mul(ops.unsqueeze(share, 1), V), B: ops.mul(U, ops.unsqueeze(share, 0)) };
}

/** Whether nothing can be decomposed: a layer that the loss does not depend on. */
export function isZero(G: Tensor): boolean {
  return scope(() => item(ops.amax(ops.abs(G))) === 0);
}

/** A row of zeros stays one. */
function unitRows(rows: Tensor): { readonly unit: Tensor; readonly sizes: Tensor } {
  const sizes = ops.linalgVectorNorm(rows, 2, [1]);
  return { unit: ops.div(rows, ops.unsqueeze(ops.clamp(sizes, 1e-30), 1)), sizes };
}

export function diagonalOf(values: Tensor): Tensor {
  return ops.mul(ops.eye(values.numel, { dtype: values.dtype }), values);
}
