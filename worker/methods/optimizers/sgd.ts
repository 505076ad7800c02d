// Stochastic gradient descent with momentum and L2 regularisation.
//
//   u ← μ u + g + λ w      w ← w - η u      (g is scaled by the clip factor first)
//
// State per parameter: u in float32 when μ > 0, and float32 master weights of a bfloat16 parameter
// unless it is rounded stochastically.
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { exactOf, type MasterWeights, masterWeightOf, takeOver_ } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';

export interface SgdSettings {
  readonly momentum: number;
  readonly weightDecay: number;
  readonly masterWeights: MasterWeights;
}

export function sgd(settings: SgdSettings): Optimizer {
  return {
    name: 'SGD',
    initialize(value): OptimizerState {
      const dtype = exactType(value.dtype);
      return {
        ...(settings.momentum > 0 ? { momentum: ops.zeros(value.shape, { dtype }) } : {}),
        ...masterWeightOf(value, settings.masterWeights),
      };
    },
    update: (value, gradient, state, step) => {
      scope(() => update(settings, value, gradient, state, step));
    },
  };
}

function update(
  { momentum, weightDecay }: SgdSettings,
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  step: UpdateStep,
): void {
  const exact = exactOf(value, state['master']);
  let direction = ops.mulScalar(ops.to(gradient, exact.dtype), step.gradientScale);
  if (step.decayed && weightDecay > 0) ops.add_(direction, exact, { alpha: weightDecay });
  const buffer = state['momentum'];
  if (buffer !== undefined) direction = ops.add_(ops.mulScalar_(buffer, momentum), direction);
  ops.add_(exact, direction, { alpha: -step.learningRate });
  takeOver_(value, exact, state['master'], step.stream);
}
