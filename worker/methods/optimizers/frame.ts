// Which sides of a matrix are projected, and how gradients and updates pass there and back.
import type { Tensor } from '../../tensor/tensor.ts';
import type { ProductChange } from '../weights/affine-groups.ts';
import type { OptimizerState } from './optimizer.ts';
import { fromSubspace, intoSubspace, lowShape, productInSubspace } from './subspace.ts';

/** `basis [N, R]` is that of the smaller side; a state is that of its matrix `[O, I]`. */
export interface Frame {
  /** Shape of a gradient `[O, I]` projected to rank R. */
  lowShape(shape: readonly number[], rank: number): number[];
  /** State beside the basis. */
  initialize(shape: readonly number[], rank: number, dtype: 'float32' | 'float64'): OptimizerState;
  /** After a basis was chosen for a gradient. */
  choose(gradient: Tensor, basis: Tensor, state: OptimizerState): void;
  into(gradient: Tensor, basis: Tensor, state: OptimizerState): Tensor;
  /** The same for the gradient `dy^T x`, from `dy [T, O]` and `x [T, I]`. */
  product(dy: Tensor, x: Tensor, basis: Tensor, state: OptimizerState): Tensor;
  /** `low` projected back to `shape`, as a product of two factors. */
  from(
    low: Tensor,
    basis: Tensor,
    state: OptimizerState,
    shape: readonly number[],
  ): Pick<ProductChange, 'left' | 'right'>;
}

/** The smaller side alone, as in GaLore. */
export const oneSided: Frame = {
  lowShape,
  initialize: () => ({}),
  choose: () => undefined,
  into: intoSubspace,
  product: productInSubspace,
  from: (low, basis, _, shape) => fromSubspace(low, basis, shape),
};
