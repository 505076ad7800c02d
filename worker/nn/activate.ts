// Activations of an MLP without a gate. Those of gated ones are a kernel (swiglu.h).
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

export type PlainActivation = 'gelu' | 'gelu-tanh' | 'quick-gelu' | 'relu';

/**
 * - `gelu`: `x * Phi(x)`, by the error function. Hendrycks & Gimpel 2016.
 * - `gelu-tanh`: the same by `tanh(sqrt(2 / pi) (x + 0.044715 x^3))`.
 * - `quick-gelu`: `x * sigmoid(1.702 x)`, as CLIP has it.
 * - `relu`: `max(x, 0)`.
 *
 * The tape keeps one tensor of the size of `x` in each.
 */
export function activate(x: Tensor, activation: PlainActivation): Tensor {
  switch (activation) {
    case 'gelu':
      return ops.gelu(x);
    case 'gelu-tanh':
      return ops.gelu(x, { approximate: 'tanh' });
    case 'relu':
      return ops.relu(x);
    case 'quick-gelu':
      // silu(u) = u * sigmoid(u) keeps u alone; a product would keep both of its factors.
      return ops.divScalar(ops.silu(ops.mulScalar(x, quick)), quick);
  }
}

const quick = 1.702;
