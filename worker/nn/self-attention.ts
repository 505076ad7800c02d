// Attention of a block to its own stream, without rotations.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type LinearTensors, linearGroup } from './linear.ts';

/** Attention of `q [T, N, D]` to keys of the same document: `[T, N, D]`. */
export type Attend = (q: Tensor, k: Tensor, v: Tensor) => Tensor;

interface Heads {
  readonly NH: number;
  readonly D: number;
}

/** `x [T, H]` by the layers of queries, keys and values: `[T, NH * D]`, heads side by side. */
export function selfAttention(
  { NH, D }: Heads,
  x: Tensor,
  layers: readonly LinearTensors[],
  attend: Attend,
): Tensor {
  const tokens = x.shape[0] ?? 0;
  const [q = x, k = x, v = x] = linearGroup(x, layers).map((y) => ops.view(y, [tokens, NH, D]));
  return ops.view(attend(q, k, v), [tokens, NH * D]);
}
