// One update by a gradient, brought into the subspace of the update first, as a step does.
import type { Optimizer, OptimizerState, UpdateStep } from '../../worker/optimizers/optimizer.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';

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
