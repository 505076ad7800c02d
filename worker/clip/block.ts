// One block of a tower of CLIP: each norm is before the half of the block that it belongs to.
// Radford et al. 2021.
//
// Shapes: T tokens of a stage · H hidden size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { linear } from '../nn/linear.ts';
import { type Attend, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ClipTower } from './config.ts';
import { clipBlockPath } from './names.ts';

/** `x [T, H]` → `[T, H]`, the stream after the tower's block `layer`. */
export function clipBlock(
  tower: ClipTower,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  attend: Attend,
): Tensor {
  const path = clipBlockPath(tower, layer);
  const at = (name: string) => tensorsAt(tensors, `${path}.${name}`);
  const normed = (stream: Tensor, name: string): Tensor =>
    layerNormAt(`${path}.${name}`, tower.normEps, tensors.weight, stream);
  const keyed = ['q_proj', 'k_proj', 'v_proj'].map((name) => at(`self_attn.${name}`));
  const mixed = selfAttention(tower, normed(x, 'layer_norm1'), keyed, attend);
  const middle = ops.add(x, linear(mixed, at('self_attn.out_proj')));
  const inner = activate(linear(normed(middle, 'layer_norm2'), at('mlp.fc1')), tower.activation);
  return ops.add(middle, linear(inner, at('mlp.fc2')));
}
