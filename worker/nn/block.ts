// One decoder block from the record: every family of `decoder/families.ts` is this function.
//
// Shapes: T tokens of a bin · H hidden size · N query heads · K key/value heads · D head size
//         I MLP size
import type { Delta } from '../adapters/adapter.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type LinearTensors, linear, linears } from './linear.ts';
import { rmsNorm } from './rms-norm.ts';
import { type RopeTable, rotate } from './rope.ts';

/** Where a block finds its tensors: values in the forward, leaves of a tape in the backward. */
export interface BlockTensors {
  /** A tensor by its full name in Hugging Face files. */
  weight(name: string): Tensor;
  hasWeight(name: string): boolean;
  /** The adapter's change to the linear at a module path, or null where it has none. */
  delta(path: string): Delta | null;
}

/** What surrounds the tokens of one pass: where they stand, and what they may look at. */
export interface BlockContext {
  readonly rope: { readonly full: RopeTable; readonly sliding: RopeTable };
  /** Causal attention of `q [T, N, D]` over `k, v [·, K, D]` in layer `layer`: `[T, N, D]`. */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor): Tensor;
}

const activationCode = { silu: 0, 'gelu-tanh': 1, gelu: 2 } as const;

/** `x [T, H]` → `[T, H]`, the residual stream after block `layer`. */
export function block(
  config: DecoderConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  context: BlockContext,
): Tensor {
  const path = `model.layers.${layer}`;
  const norm = (name: string, y: Tensor): Tensor =>
    rmsNorm(y, tensors.weight(`${path}.${name}.weight`), config.normEps, config.normOffset);
  const attended = attention(config, layer, tensors, norm('input_layernorm', x), context);
  if (!config.sandwichNorms) {
    const middle = ops.add(x, attended);
    return ops.add(middle, mlp(config, path, tensors, norm('post_attention_layernorm', middle)));
  }
  const middle = ops.add(x, norm('post_attention_layernorm', attended));
  const out = mlp(config, path, tensors, norm('pre_feedforward_layernorm', middle));
  return ops.add(middle, norm('post_feedforward_layernorm', out));
}

function attention(
  config: DecoderConfig,
  layer: number,
  tensors: BlockTensors,
  h: Tensor,
  context: BlockContext,
): Tensor {
  const { NH, NK, D } = config;
  const path = `model.layers.${layer}.self_attn`;
  const kinds = config.layers[layer];
  if (kinds === undefined) throw new RangeError(`layer ${layer} is outside the ${config.L} layers`);
  const tokens = h.shape[0] ?? 0;
  const [q, k, v] = split(
    config.fused
      ? [apply(tensors, `${path}.qkv_proj`, h)]
      : linears(
          h,
          ['q', 'k', 'v'].map((role) => tensorsAt(tensors, `${path}.${role}_proj`)),
        ),
    [NH * D, NK * D, NK * D],
  );
  const table = context.rope[kinds.rope];
  const heads = (y: Tensor, count: number): Tensor => ops.view(y, [tokens, count, D]);
  const headNorm = (y: Tensor, role: string): Tensor =>
    config.qkNorm
      ? rmsNorm(y, tensors.weight(`${path}.${role}_norm.weight`), config.normEps, config.normOffset)
      : y;
  const mixed = context.attend(
    layer,
    rotate(headNorm(heads(q, NH), 'q'), table),
    rotate(headNorm(heads(k, NK), 'k'), table),
    heads(v, NK),
  );
  return apply(tensors, `${path}.o_proj`, ops.view(mixed, [tokens, NH * D]));
}

function mlp(config: DecoderConfig, path: string, tensors: BlockTensors, h: Tensor): Tensor {
  const at = `${path}.mlp`;
  const [gate, up] = split(
    config.fused
      ? [apply(tensors, `${at}.gate_up_proj`, h)]
      : linears(h, [tensorsAt(tensors, `${at}.gate_proj`), tensorsAt(tensors, `${at}.up_proj`)]),
    [config.I, config.I],
  );
  return apply(tensors, `${at}.down_proj`, ops.swiglu(gate, up, activationCode[config.activation]));
}

function apply(tensors: BlockTensors, path: string, x: Tensor): Tensor {
  return linear(x, tensorsAt(tensors, path));
}

function tensorsAt(tensors: BlockTensors, path: string): LinearTensors {
  return {
    weight: tensors.weight(`${path}.weight`),
    bias: tensors.hasWeight(`${path}.bias`) ? tensors.weight(`${path}.bias`) : null,
    delta: tensors.delta(path),
  };
}

/** The parts of one fused product, or the products as they are. */
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
