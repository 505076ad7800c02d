// One block of ViT, DeiT and DINOv2: each norm is before the half of the block that it belongs to.
// Dosovitskiy et al. 2021, Touvron et al. 2021, Oquab et al. 2023.
//
// Shapes: T tokens of a sequence · H hidden size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { linear } from '../nn/linear.ts';
import { type Attend, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { VisionConfig } from './config.ts';
import { visionFamilies } from './families.ts';
import { blockPath, scales } from './names.ts';

/** `x [T, H]` → `[T, H]`, the stream after block `layer`. */
export function visionBlock(
  config: VisionConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  attend: Attend,
): Tensor {
  const { norms, hasLayerScale } = visionFamilies[config.family];
  const path = blockPath(config, layer);
  const at = (name: string) => tensorsAt(tensors, `${path}.${name}`);
  const normed = (stream: Tensor, name: string): Tensor =>
    layerNormAt(`${path}.${name}`, config.normEps, tensors.weight, stream);
  const scaled = (y: Tensor, name: string): Tensor =>
    hasLayerScale ? ops.mul(y, tensors.weight(`${path}.${name}`)) : y;
  const mixed = selfAttention(
    config,
    normed(x, norms[0]),
    ['q_proj', 'k_proj', 'v_proj'].map((name) => at(`attention.${name}`)),
    attend,
  );
  const middle = ops.add(x, scaled(linear(mixed, at('attention.o_proj')), scales[0]));
  const inner = activate(linear(normed(middle, norms[1]), at('mlp.fc1')), config.activation);
  return ops.add(middle, scaled(linear(inner, at('mlp.fc2')), scales[1]));
}
