// What a step does around an optimizer that takes gradients in a subspace.
import type { Subspaces } from '../../worker/methods/optimizers/galore.ts';
import type {
  Optimizer,
  OptimizerState,
  UpdateStep,
} from '../../worker/methods/optimizers/optimizer.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';

/** One update by a gradient, which is brought into the subspace of the update first. */
export function projectedUpdate(
  { projection, update }: Optimizer,
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  step: UpdateStep,
): void {
  const low = projection?.project(gradient, state, step.count - 1) ?? null;
  if (low === null) {
    update(value, gradient, state, step);
  } else {
    update(value, low, state, { ...step, projectedIn: gradient.dtype });
    low.dispose();
  }
}

/**
 * `[N, R]` in the type of this gradient, of a matrix that has had so many updates; chosen anew
 * where that is due.
 */
export function basisFor(
  subspaces: Subspaces,
  gradient: Tensor,
  state: OptimizerState,
  updates: number,
): Tensor {
  if (subspaces.isDue(state, updates)) subspaces.choose(gradient, state);
  return subspaces.kept(state, gradient.dtype);
}
