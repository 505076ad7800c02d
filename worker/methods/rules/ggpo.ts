// LoRA-GGPO: Mitigating Double Descent in LoRA Fine-Tuning via Gradient-Guided Perturbation
// Optimization (Chang et al. 2025, first version).
//
// In training steps alone, beside an adapter y = x W^T + s (x A^T) B^T whose W is [m, n]:
//   y += x (rho N)^T      N [m, n] ~ N(0, 1)
//   rho_i = (sigma sqrt(|W_i|^2 + |dW_i|^2) + beta |g_i|^2) / sqrt(m)
//   dW = s B A      g = s (dB A + B dA), by the gradients of the last step over all workers
// Norms are those of rows. Neither dW nor g is made: both are products L R of few columns, and
// |(L R)_i|^2 = (L R R^T L^T)_ii. A reconstruction after the implementation for diffusion models of
// kohya-ss/sd-scripts: no code of the authors can be had. That one takes the mean norm of some rows
// for each |W_i|, leaves s out of dW, measures dW and g after clipping one step late, and adds no
// noise in the first step; here norms are exact, s is in, dW is that of the step, gradients are
// those before clipping, and the first step has the term of the weights alone.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface GgpoSettings {
  /** Of the noise for the norms of weights. */
  readonly sigma: number;
  /** For the squared norms of gradients. */
  readonly beta: number;
}

interface Factors {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
}

/** Squared norm of each row of `dW`: `[m]`. */
export function changeRows({ A, B, scale }: Factors): Tensor {
  return scope(() => ops.mulScalar_(rowsOfProduct(B, A), scale ** 2));
}

/** Squared norm of each row of `g`: `[m]`. */
export function gradientRows({ A, B, scale }: Factors, dA: Tensor, dB: Tensor): Tensor {
  return scope(() => {
    const left = ops.cat([dB, B], 1);
    const right = ops.cat([A, dA], 0);
    return ops.mulScalar_(rowsOfProduct(left, right), scale ** 2);
  });
}

/** `rho` as `[m, 1]`, for the weight and squared norms of rows. */
export function noiseScales(
  weight: Tensor,
  changes: Tensor,
  gradients: Tensor,
  { sigma, beta }: GgpoSettings,
): Tensor {
  return scope(() => {
    const { dtype } = changes;
    const norms = ops.linalgVectorNorm(weight, 2, [1], false, { dtype });
    const ofWeights = ops.sqrt(ops.add_(ops.square(norms), changes));
    const sum = ops.add(ops.mulScalar_(ofWeights, sigma), ops.mulScalar(gradients, beta));
    return ops.unsqueeze(ops.mulScalar_(sum, 1 / Math.sqrt(weight.shape[0] ?? 1)), 1);
  });
}

/** Squared norms of the rows of `left right`; rounding leaves none below zero. */
function rowsOfProduct(left: Tensor, right: Tensor): Tensor {
  const gram = ops.linear(right, right);
  return ops.clamp_(ops.sumDim(ops.mul(ops.linear(left, gram), left), [1]), 0);
}
