// One decoder block, computed from the record: the same function for every family.
//
// Shapes: T tokens of a sequence · H hidden size · N query heads · K key/value heads · D head size
//         I MLP size

import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { activationCode, gatedLinear, linear, normLinears } from '../nn/linear.ts';
import { mixedMlp } from '../nn/mixture.ts';
import { type Norm, rmsNorm } from '../nn/rms-norm.ts';
import { type RopeTable, rotate } from '../nn/rope.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { DecoderConfig } from './config.ts';

/** The context of the tokens in one pass: their positions, and what they attend to. */
export interface BlockContext {
  readonly rope: { readonly full: RopeTable; readonly sliding: RopeTable };
  /** Causal attention of `q [T, N, D]` over `k, v [·, K, D]` in layer `layer`: `[T, N, D]`. */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor): Tensor;
}

/** `x [T, H]` → `[T, H]`, the residual stream after block `layer`. */
export function block(
  config: DecoderConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  context: BlockContext,
): Tensor {
  const path = `model.layers.${layer}`;
  const norm = (name: string): Norm => normAt(config, tensors, `${path}.${name}`);
  const attended = attention(config, layer, tensors, x, norm('input_layernorm'), context);
  if (!config.sandwichNorms) {
    const middle = ops.add(x, attended);
    return ops.add(middle, mlp(config, path, tensors, middle, norm('post_attention_layernorm')));
  }
  const middle = ops.add(x, rmsNorm(attended, norm('post_attention_layernorm')));
  const out = mlp(config, path, tensors, middle, norm('pre_feedforward_layernorm'));
  return ops.add(middle, rmsNorm(out, norm('post_feedforward_layernorm')));
}

function attention(
  config: DecoderConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  norm: Norm,
  context: BlockContext,
): Tensor {
  const { NH, NK, D } = config;
  const path = `model.layers.${layer}.self_attn`;
  const kinds = config.layers[layer];
  if (kinds === undefined) throw new RangeError(`layer ${layer} is outside the ${config.L} layers`);
  const tokens = x.shape[0] ?? 0;
  const [q, k, v] = split(
    normLinears(
      x,
      norm,
      (config.fused ? ['qkv'] : ['q', 'k', 'v']).map((role) =>
        tensorsAt(tensors, `${path}.${role}_proj`),
      ),
    ),
    [NH * D, NK * D, NK * D],
  );
  const table = context.rope[kinds.rope];
  const heads = (y: Tensor, count: number): Tensor => ops.view(y, [tokens, count, D]);
  const headNorm = (y: Tensor, role: string): Tensor =>
    config.qkNorm ? rmsNorm(y, normAt(config, tensors, `${path}.${role}_norm`)) : y;
  const mixed = context.attend(
    layer,
    rotate(headNorm(heads(q, NH), 'q'), table),
    rotate(headNorm(heads(k, NK), 'k'), table),
    heads(v, NK),
  );
  return linear(ops.view(mixed, [tokens, NH * D]), tensorsAt(tensors, `${path}.o_proj`));
}

function mlp(
  config: DecoderConfig,
  path: string,
  tensors: BlockTensors,
  x: Tensor,
  norm: Norm,
): Tensor {
  const at = `${path}.mlp`;
  const names = config.fused ? ['gate_up_proj'] : ['gate_proj', 'up_proj'];
  const [gate, up] = split(
    normLinears(
      x,
      norm,
      names.map((name) => tensorsAt(tensors, `${at}.${name}`)),
    ),
    [config.I, config.I],
  );
  const down = tensorsAt(tensors, `${at}.down_proj`);
  const mixture = tensors.mixture(at);
  if (mixture !== null) {
    const shared = { x: rmsNorm(x, norm), gate, up, down, names };
    const { output, routing } = mixedMlp(mixture, shared, activationCode[config.activation]);
    tensors.routed?.(routing);
    return output;
  }
  tensors.gated?.({ gate, up, activation: activationCode[config.activation] });
  return gatedLinear(gate, up, config.activation, down);
}

function normAt(config: DecoderConfig, tensors: BlockTensors, path: string): Norm {
  const { normEps, normOffset } = config;
  return { weight: tensors.weight(`${path}.weight`), epsilon: normEps, offset: normOffset };
}

/** The parts of one fused product, or the separate products. */
function split<const Sizes extends readonly number[]>(
  products: readonly Tensor[],
  sizes: Sizes,
): { [Index in keyof Sizes]: Tensor } {
  const [fused] = products;
  const parts =
    products.length === 1 && fused !== undefined
      ? ops.splitSizes(fused, sizes, 1).map((part) => ops.contiguous(part))
      : products;
  // The array has one tensor for each size by construction; the mapped type cannot be inferred.
  return parts as { [Index in keyof Sizes]: Tensor };
}
