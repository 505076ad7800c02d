// One block of BERT and RoBERTa: each norm is behind the sum that it normalizes. Devlin et al.
// 2019, Liu et al. 2019.
//
// Shapes: T tokens of a sequence · H hidden size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { linear } from '../nn/linear.ts';
import { type Attend, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EncoderConfig } from './config.ts';
import { blockPath } from './names.ts';

/** `x [T, H]` → `[T, H]`, the stream after block `layer`. */
export function encoderBlock(
  config: EncoderConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  attend: Attend,
): Tensor {
  const path = blockPath(config, layer);
  const at = (name: string) => tensorsAt(tensors, `${path}.${name}`);
  const normed = (sum: Tensor, name: string): Tensor =>
    layerNormAt(`${path}.${name}`, config.normEps, tensors.weight, sum);
  const mixed = selfAttention(
    config,
    x,
    ['query', 'key', 'value'].map((role) => at(`attention.self.${role}`)),
    attend,
  );
  const attended = linear(mixed, at('attention.output.dense'));
  const middle = normed(ops.add(x, attended), 'attention.output.LayerNorm');
  const inner = activate(linear(middle, at('intermediate.dense')), config.activation);
  return normed(ops.add(middle, linear(inner, at('output.dense'))), 'output.LayerNorm');
}
