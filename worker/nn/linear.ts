// One linear layer: the stored weight, and an adapter beside it where there is one. Which arithmetic
// is used and how the weight is stored is the business of two seams; here they meet.
import type { Delta } from '../adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** `x W^T + bias`, with the low-rank branch of an adapter beside the base product. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null, delta: Delta | null): Tensor {
  const base = ops.linear(x, weight, bias);
  if (delta === null) return base;
  const input = ops.to(delta.dropped(x) ?? x, delta.A.dtype);
  const low = ops.mulScalar(ops.linear(input, delta.A, null), delta.scale);
  return ops.add(base, ops.to(ops.linear(low, delta.B, null), base.dtype));
}
