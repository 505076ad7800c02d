import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface Norm {
  readonly weight: Tensor;
  readonly epsilon: number;
  /** 1 for Gemma, which stores `w - 1`, else 0. */
  readonly offset: 0 | 1;
}

/**
 * Root-mean-square norm over the last dimension: `x / rms(x) * (offset + weight)`.
 * Zhang & Sennrich 2019.
 */
export function rmsNorm(x: Tensor, { weight, epsilon, offset }: Norm): Tensor {
  return ops.rmsNorm(x, weight, epsilon, offset);
}
