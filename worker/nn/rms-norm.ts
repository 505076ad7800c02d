import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Root-mean-square norm over the last dimension: `x / rms(x) * (offset + weight)`.
 * Zhang & Sennrich 2019. `offset` is 1 for Gemma, which stores `w - 1`, else 0.
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number, offset: 0 | 1): Tensor {
  return ops.rmsNorm(x, weight, epsilon, offset);
}
