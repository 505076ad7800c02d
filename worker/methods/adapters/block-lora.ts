// One Head Eight Arms: Block Matrix based Low Rank Adaptation for CLIP-based Few-Shot Learning
// (2025), its Block-LoRA. A reconstruction from the abstract, without their code.
//
// Against LoRA: the rank R is parted into N blocks that share A, so products become sums.
//   y = x W^T + s drop(x) A^T (B_1 + ... + B_N)^T      A [R/N, I] · B_i [O, R/N] · s = alpha / R
// A begins as in LoRA of rank R/N, and every B_i with zeros, so that step 0 is the base model. All
// B_i have one gradient: they stay equal, and training is that of LoRA of rank R/N whose B learns N
// times as fast, with the same bits of A at first. Trained: A and [B_1 ... B_N] in float32; results
// have their sum, as LoRA of rank R/N.
import * as ops from '../../tensor/ops.generated.ts';
import type { Adapter } from './adapter.ts';
import { factorB } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

interface BlockLoraSettings extends StandardLora {
  /** Divides the rank. */
  readonly blocks: number;
}

export const blockLoraOf: AdapterOf<'BlockLoRA'> = (own, common) =>
  blockLora({ ...asLora(own, common), blocks: own.blocks });

export function blockLora({ blocks, ...settings }: BlockLoraSettings): Adapter {
  const { rank, alpha, dtype } = settings;
  const own = rank / blocks;
  const one = standardLora({ ...settings, rank: own, alpha: alpha / blocks });
  return {
    ...one,
    name: 'BlockLoRA',
    initialize(layer, initial) {
      const { trained } = one.initialize(layer, initial);
      return { trained: { ...trained, [factorB]: ops.zeros([layer.out, rank], { dtype }) } };
    },
    factors(layer, tensors, draw) {
      const delta = one.factors(layer, tensors, draw);
      return { ...delta, B: ops.sumDim(ops.view(delta.B, [layer.out, blocks, own]), [1]) };
    },
  };
}
