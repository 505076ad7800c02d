import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface LayerNorm {
  /** `[H]` */
  readonly weight: Tensor;
  /** `[H]`, of the weight's type. */
  readonly bias: Tensor;
  readonly epsilon: number;
}

/**
 * Layer norm over the last dimension: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, with
 * the variance of the whole row (divided by its length). Ba, Kiros & Hinton 2016.
 */
export function layerNorm(x: Tensor, { weight, bias, epsilon }: LayerNorm): Tensor {
  return ops.layerNorm(x, weight, bias, epsilon);
}

/** Without a weight and a bias of the model. */
export function plainLayerNorm(x: Tensor, epsilon: number): Tensor {
  const [H = 0] = x.shape.slice(-1);
  const weight = ops.ones([H], { dtype: x.dtype });
  return layerNorm(x, { weight, bias: ops.zeros([H], { dtype: x.dtype }), epsilon });
}

/** The layer norm at a module path; `value` gives a tensor by its name. */
export function layerNormAt(
  path: string,
  epsilon: number,
  value: (name: string) => Tensor,
  x: Tensor,
): Tensor {
  return layerNorm(x, { weight: value(`${path}.weight`), bias: value(`${path}.bias`), epsilon });
}
