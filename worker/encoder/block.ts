// One block of BERT and RoBERTa: each norm is behind the sum that it normalizes. Devlin et al.
// 2019, Liu et al. 2019.
//
// Shapes: T tokens of a sequence · H hidden size · N heads · D head size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { layerNorm } from '../nn/layer-norm.ts';
import { linear, linearGroup } from '../nn/linear.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EncoderConfig } from './config.ts';
import { blockPath } from './names.ts';

/** Attention of `q [T, N, D]` to all keys of the same document: `[T, N, D]`. */
type Attend = (q: Tensor, k: Tensor, v: Tensor) => Tensor;

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
    normAt(config, `${path}.${name}`, tensors.weight, sum);
  const mixed = attention(
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

function attention(
  { NH, D }: EncoderConfig,
  x: Tensor,
  layers: Parameters<typeof linearGroup>[1],
  attend: Attend,
): Tensor {
  const tokens = x.shape[0] ?? 0;
  const [q = x, k = x, v = x] = linearGroup(x, layers).map((y) => ops.view(y, [tokens, NH, D]));
  return ops.view(attend(q, k, v), [tokens, NH * D]);
}

/** The layer norm at a module path, of `x [T, H]`; `value` gives a tensor by its name. */
export function normAt(
  { normEps }: EncoderConfig,
  path: string,
  value: (name: string) => Tensor,
  x: Tensor,
): Tensor {
  const [weight, bias] = [value(`${path}.weight`), value(`${path}.bias`)];
  return layerNorm(x, { weight, bias, epsilon: normEps });
}
