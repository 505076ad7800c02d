// Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (You et al. 2020), in the
// form of PV-Tuning's release.
//
//   m ← β1 m + (1 - β1) g      v ← β2 v + (1 - β2) g²      u = m / (√v + ε)
//   w ← w - η r c u            r = |w| / |u|, or 1 where either is 0
//                              c = √(1 - β2^t) / (1 - β1^t)
//
// r is of the complete tensor: a step changes the tensor by the fraction η of its norm. c is Adam's
// bias correction; since r divides by |u|, which c does not change, c acts as a warm-up (0.22,
// 0.31, … for β2 = 0.95 and β1 = 0). Without LAMB r = 1: Adam with an uncorrected ε. β1 = 0 keeps
// no m. State is float32, or float64 for float64 values.

import { Bug } from '../../../crds/failures/errors.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OptimizerState } from './optimizer.ts';

export interface LambSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Whether updates are scaled by the norm of their tensor. */
  readonly lamb: boolean;
}

/** State under `<prefix>exp_avg` and `<prefix>exp_avg_sq`. */
export function lambState(
  { shape, dtype: type }: Tensor,
  { beta1 }: LambSettings,
  prefix = '',
): OptimizerState {
  const dtype = exactType(type);
  return {
    ...(beta1 > 0 ? { [`${prefix}exp_avg`]: ops.zeros(shape, { dtype }) } : {}),
    [`${prefix}exp_avg_sq`]: ops.zeros(shape, { dtype }),
  };
}

interface LambStep {
  readonly settings: LambSettings;
  readonly learningRate: number;
  /** Updates of this state, including this one. */
  readonly count: number;
  readonly prefix?: string;
}

/**
 * Updates `value` in place and overwrites `gradient`; both have the type of the state. Allocates
 * one more tensor of that size.
 */
export function lamb_(
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  { settings, learningRate, count, prefix = '' }: LambStep,
): void {
  const mean = state[`${prefix}exp_avg`];
  const square = state[`${prefix}exp_avg_sq`];
  if (square === undefined) throw new Bug('LAMB has no state');
  const { beta1, beta2, epsilon, lamb } = settings;
  scope(() => {
    ops.addcmul_(ops.mulScalar_(square, beta2), gradient, gradient, { value: 1 - beta2 });
    const root = ops.addScalar_(ops.sqrt(square), epsilon);
    if (mean !== undefined) {
      ops.add_(ops.mulScalar_(mean, beta1), gradient, { alpha: 1 - beta1 });
      ops.copy_(gradient, mean);
    }
    const update = ops.div_(gradient, root);
    const correction = Math.sqrt(1 - beta2 ** count) / (1 - beta1 ** count);
    const rate = -learningRate * correction;
    if (lamb) ops.addcmul_(value, update, ratioOf(value, update), { value: rate });
    else ops.add_(value, update, { alpha: rate });
  });
}

/** A scalar; it stays on the device, which nobody waits for. */
function ratioOf(value: Tensor, update: Tensor): Tensor {
  const [size, step] = [ops.linalgVectorNorm(value), ops.linalgVectorNorm(update)];
  const isUsed = ops.logicalAnd(ops.gtScalar(size, 0), ops.gtScalar(step, 0));
  return ops.where(isUsed, ops.div(size, step), ops.onesLike(size));
}
