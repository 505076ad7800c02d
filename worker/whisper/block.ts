// One block of Whisper's encoder or decoder: each norm is before the part of the block that it
// belongs to. A block of the decoder reads the states of the encoder between its own attention and
// its MLP. Radford et al. 2022.
//
// Shapes: T tokens of a stage · S tokens of the encoder · H hidden size · N heads · D head size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { linear, linearGroup } from '../nn/linear.ts';
import { type Attend, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { WhisperConfig } from './config.ts';
import { blockPath } from './names.ts';

/** What is read of the sounds. */
export interface Memory {
  /** `[S, H]` */
  readonly states: Tensor;
  readonly attend: Attend;
  /** Their keys and values, of what makes them. @default makes them */
  readonly made?: (make: () => readonly [k: Tensor, v: Tensor]) => readonly [k: Tensor, v: Tensor];
}

/** What a block attends to. */
interface Attention {
  /** Of its own stream. */
  readonly own: Attend;
  /** The states of the encoder `[S, H]`, and attention to them; null in the encoder. */
  readonly memory: Memory | null;
}

/** `x [T, H]` → `[T, H]`, the stream after block `layer`. */
export function whisperBlock(
  config: WhisperConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  { own, memory }: Attention,
): Tensor {
  const path = blockPath(config, layer);
  const at = (name: string) => tensorsAt(tensors, `${path}.${name}`);
  const normed = (stream: Tensor, name: string): Tensor =>
    layerNormAt(`${path}.${name}_layer_norm`, config.normEps, tensors.weight, stream);
  const keyed = ['q_proj', 'k_proj', 'v_proj'].map((name) => at(`self_attn.${name}`));
  const mixed = selfAttention(config, normed(x, 'self_attn'), keyed, own);
  const attended = ops.add(x, linear(mixed, at('self_attn.out_proj')));
  const middle = memory === null ? attended : ops.add(attended, read(attended, memory));
  const inner = activate(linear(normed(middle, 'final'), at('fc1')), config.activation);
  return ops.add(middle, linear(inner, at('fc2')));

  function read(stream: Tensor, { states, attend, made = (make) => make() }: Memory): Tensor {
    const { NH, D } = config;
    const heads = (y: Tensor): Tensor => ops.view(y, [y.shape[0] ?? 0, NH, D]);
    const q = heads(linear(normed(stream, 'encoder_attn'), at('encoder_attn.q_proj')));
    const [k, v] = made(() => {
      const layers = ['k_proj', 'v_proj'].map((name) => at(`encoder_attn.${name}`));
      const [keys = states, values = states] = linearGroup(states, layers).map(heads);
      return [keys, values];
    });
    return linear(ops.view(attend(q, k, v), stream.shape), at('encoder_attn.out_proj'));
  }
}
