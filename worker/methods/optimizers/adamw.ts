// AdamW: Decoupled Weight Decay Regularization (Loshchilov & Hutter 2019).
//
//   m ← β1 m + (1 - β1) g      v ← β2 v + (1 - β2) g²      (g is scaled by the clip factor first)
//   w ← w - η (m̂ / (√v̂ + ε) + λ w)      m̂ = m / (1 - β1^t)      v̂ = v / (1 - β2^t)
//
// State per parameter: m and v in float32 (float64 for a float64 parameter) or in bfloat16, rounded
// stochastically: to nearest, v would never change, since its relative change of 1 - β2 is below
// half a unit of bfloat16. A bfloat16 parameter has float32 master weights; with stochastic
// rounding it has none, and updates below half a unit survive on average.
import { Bug } from '../../../crds/failures/errors.ts';
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type MasterWeights, masterWeightOf } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly masterWeights: MasterWeights;
  /** @default 'Float32' */
  readonly moments?: 'Float32' | 'BFloat16';
}

export function adamW(settings: AdamWSettings): Optimizer {
  return {
    name: 'AdamW',
    initialize: (value) => initialize(value, settings),
    update: (value, gradient, state, step) => update(settings, value, gradient, state, step),
  };
}

function initialize(
  value: Tensor,
  { masterWeights, moments: kept }: AdamWSettings,
): OptimizerState {
  const dtype =
    value.dtype === 'float64' ? 'float64' : kept === 'BFloat16' ? 'bfloat16' : 'float32';
  return {
    exp_avg: ops.zeros(value.shape, { dtype }),
    exp_avg_sq: ops.zeros(value.shape, { dtype }),
    ...masterWeightOf(value, masterWeights),
  };
}

function update(
  settings: AdamWSettings,
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  step: UpdateStep,
): void {
  const { exp_avg, exp_avg_sq, master } = state;
  if (exp_avg === undefined || exp_avg_sq === undefined) throw new Bug('AdamW has no state');
  const isRounded =
    exp_avg.dtype === 'bfloat16' || (value.dtype === 'bfloat16' && master === undefined);
  ops.adamw_(
    value,
    gradient,
    exp_avg,
    exp_avg_sq,
    master ?? null,
    kernelOptions(settings, step, isRounded),
  );
}

/** Numbers of a step for the kernels; `isRounded`: what they write is rounded stochastically. */
export function kernelOptions(settings: AdamWSettings, step: UpdateStep, isRounded: boolean) {
  return {
    lr: step.learningRate,
    beta1: settings.beta1,
    beta2: settings.beta2,
    eps: settings.epsilon,
    weightDecay: step.decayed ? settings.weightDecay : 0,
    step: step.count,
    gradScale: step.gradientScale,
    roundingKey: isRounded ? step.stream.key : null,
  };
}
