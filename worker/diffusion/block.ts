// One block of a diffusion transformer: attention and MLP, each between a norm and a gate that time
// step and class set (adaLN-zero). Peebles & Xie 2023.
//
// Shapes: T tokens of a sequence · P pictures · H hidden size

import { Bug } from '../../crds/failures/errors.ts';
import { activate } from '../nn/activate.ts';
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { linear } from '../nn/linear.ts';
import { type Attend, attentionOf, selfAttention } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { DiffusionConfig } from './config.ts';
import { gatedSum, modulated, partsOf, plainEps } from './modulate.ts';
import { blockPath } from './names.ts';

interface BlockInputs {
  readonly x: Tensor;
  readonly c: Tensor;
  /** Of the denoising step, in tables of grids of inputs; `[1]` int64. */
  readonly row: Tensor | undefined;
  readonly attend: Attend;
}

/** `x [T, H]` and `c [P, H]`, of time step and class → `[T, H]`, the stream after the block. */
export function diffusionBlock(
  config: DiffusionConfig,
  layer: number,
  tensors: BlockTensors,
  { x, c, row, attend }: BlockInputs,
): Tensor {
  const path = (name: string): string => `${blockPath(layer)}.${name}`;
  const at = (name: string) => tensorsAt(tensors, path(name));
  const read = (name: string, input: Tensor): Tensor =>
    tensors.rounded === null ? input : tensors.rounded(path(name), input, rowOf(row));
  const product = (name: string, input: Tensor): Tensor => linear(read(name, input), at(name));
  const modulation = partsOf(product('norm1.linear', ops.silu(c)), 6);
  const [shift = c, scale = c, gate = c, mlpShift = c, mlpScale = c, mlpGate = c] = modulation;
  const normed = modulated(x, { shift, scale, epsilon: plainEps });
  const heads = ['attn1.to_q', 'attn1.to_k', 'attn1.to_v'];
  const mixed =
    tensors.rounded === null
      ? selfAttention(config, normed, heads.map(at), attend)
      : attentionOf(
          config,
          heads.map((name) => product(name, normed)),
          attend,
        );
  const middle = gatedSum(x, gate, product('attn1.to_out.0', mixed));
  const inner = modulated(middle, {
    ...{ shift: mlpShift, scale: mlpScale, epsilon: config.mlpNormEps },
  });
  const channels = activate(product('ff.net.0.proj', inner), 'gelu-tanh');
  return gatedSum(middle, mlpGate, product('ff.net.2', channels));
}

function rowOf(row: Tensor | undefined): Tensor {
  if (row === undefined) throw new Bug('inputs on a grid are of no denoising step');
  return row;
}
