// Attention of a block to its own stream, without rotations.
import { Bug } from '../../crds/failures/errors.ts';
import type { SeeAttention } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type LinearTensors, linearGroup } from './linear.ts';

/** Attention of `q [T, N, D]` to keys of the same document: `[T, N, D]`. */
export type Attend = (q: Tensor, k: Tensor, v: Tensor) => Tensor;

/** What attends within the documents of `offsets`; `see` is shown what it reads. */
export function withinDocuments(
  layer: number,
  offsets: Tensor,
  { attentionScale }: { readonly attentionScale: number },
  see: SeeAttention | undefined,
): Attend {
  return (q, k, v) => {
    see?.(layer, q, k);
    return ops.attention(q, k, v, offsets, attentionScale, 0, 0, { causal: false });
  };
}

interface Heads {
  readonly NH: number;
  readonly D: number;
}

/** `x [T, H]` by the layers of queries, keys and values: `[T, NH * D]`, heads side by side. */
export function selfAttention(
  heads: Heads,
  x: Tensor,
  layers: readonly LinearTensors[],
  attend: Attend,
): Tensor {
  return attentionOf(heads, linearGroup(x, layers), attend);
}

/** Of queries, keys and values `[T, NH * D]`: of that shape. */
export function attentionOf(
  { NH, D }: Heads,
  [q, k, v]: readonly Tensor[],
  attend: Attend,
): Tensor {
  if (q === undefined || k === undefined || v === undefined) throw new Bug('attention of nothing');
  const [tokens = 0] = q.shape;
  const byHead = (y: Tensor): Tensor => ops.view(y, [tokens, NH, D]);
  return ops.view(attend(byHead(q), byHead(k), byHead(v)), [tokens, NH * D]);
}
