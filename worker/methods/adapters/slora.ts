// SLoRA, of NLoRA: Nystrom-Initiated Low-Rank Adaptation (Guo et al. 2025).
//
// Against LoRA: a square matrix N between A and B is trained with them.
//   y = x W^T + s (drop(x) A^T) N^T B^T      A [r, I] · N [r, r] · B [O, r] · s = alpha / r
// A and N begin as A of LoRA does, uniform in ±1/sqrt of their columns, B with zeros. Trained: all
// three in float32.
import { uniform } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Adapter } from './adapter.ts';
import { withMatrix } from './between.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

/** The matrix in the middle, `[r, r]`. */
export const middle = 'lora_N.weight';

export const sloraOf: AdapterOf<'SLoRA'> = (own, common) => slora(asLora(own, common));

export function slora(settings: StandardLora): Adapter {
  const { rank, seed, dtype } = settings;
  const outer = standardLora(settings);
  return {
    ...outer,
    name: 'SLoRA',
    initialize(layer, initial) {
      const bound = 1 / Math.sqrt(rank);
      const stream = streamOf(seed, 'lora_N', layer.path);
      const N = uniform([rank, rank], -bound, bound, stream, dtype);
      return { trained: { ...outer.initialize(layer, initial).trained, [middle]: N } };
    },
    factors: (layer, tensors, draw) =>
      withMatrix(outer.factors(layer, tensors, draw), tensors(middle)),
  };
}
