// One block of a diffusion transformer: attention and MLP, each between a norm and a gate that time
// step and class set (adaLN-zero). Peebles & Xie 2023.
//
// Shapes: T tokens of a sequence · P pictures · H hidden size

import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { linear } from '../nn/linear.ts';
import { type Attend, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { DiffusionConfig } from './config.ts';
import { gatedSum, modulated, partsOf, plainEps } from './modulate.ts';
import { blockPath } from './names.ts';

/** `x [T, H]` and `c [P, H]`, of time step and class → `[T, H]`, the stream after the block. */
export function diffusionBlock(
  config: DiffusionConfig,
  layer: number,
  tensors: BlockTensors,
  { x, c, attend }: { readonly x: Tensor; readonly c: Tensor; readonly attend: Attend },
): Tensor {
  const at = (name: string) => tensorsAt(tensors, `${blockPath(layer)}.${name}`);
  const modulation = partsOf(linear(ops.silu(c), at('norm1.linear')), 6);
  const [shift = c, scale = c, gate = c, mlpShift = c, mlpScale = c, mlpGate = c] = modulation;
  const mixed = selfAttention(
    config,
    modulated(x, { shift, scale, epsilon: plainEps }),
    ['to_q', 'to_k', 'to_v'].map((name) => at(`attn1.${name}`)),
    attend,
  );
  const middle = gatedSum(x, gate, linear(mixed, at('attn1.to_out.0')));
  const read = modulated(middle, {
    ...{ shift: mlpShift, scale: mlpScale, epsilon: config.mlpNormEps },
  });
  const inner = activate(linear(read, at('ff.net.0.proj')), 'gelu-tanh');
  return gatedSum(middle, mlpGate, linear(inner, at('ff.net.2')));
}
