// LQ-LoRA: Low-rank plus Quantized Matrix Decomposition for Efficient Language Model Finetuning.
// LoRA that begins with what quantizing loses: each weight is split into a quantized matrix and a
// product of two small ones, and these train:
//   W ~ Q + s B0 A0      y = x decode(Q)^T + s * drop(x) A^T B^T
// What is lost may be weighted by how much the loss depends on rows and columns.
import * as z from 'zod';
import { adapterEntry } from './adapter-entry.ts';
import {
  alphaOfRank,
  byRank,
  directions,
  dropout,
  rankOf,
  targetModules,
} from './adapter-fields.ts';
import { rankWithin, takingOver } from './adapter-shapes.ts';
import type { Preset } from './method.ts';

const paper = {
  title:
    'LQ-LoRA: Low-rank Plus Quantized Matrix Decomposition for Efficient Language Model Finetuning',
  arxiv: '2311.12023',
} as const;

export const lqLora = adapterEntry({
  type: 'LQLoRA',
  member: 'lqLora',
  summary:
    'LoRA that begins with what quantizing loses: each chosen weight is split into a quantized matrix and a product of two small ones.',
  paper,
  use: { goal: 'a better beginning', words: 'in what quantizing loses of the weights' },
  parameters: z.strictObject({
    rank: rankOf(64, 'Rank: inner dimension of the two matrices, at most the smaller side.'),
    alpha: alphaOfRank,
    dropout,
    iterations: z
      .int32()
      .min(1)
      .max(100)
      .default(10)
      .describe(
        'How often both parts of a weight are fitted to what the other leaves, at most: it ends where the error no longer falls.',
      ),
    fisherBatches: z
      .int32()
      .min(0)
      .max(1000)
      .default(0)
      .describe(
        'Training batches, from the first, whose squared gradients weigh the error by rows and columns. The dense model passes forward and backward for each. With 0 all values weigh the same.',
      ),
    directions,
    targetModules,
  }),
  words: (own) => byRank('LQ-LoRA', own),
  shape(own) {
    const shape = takingOver(own, rankWithin);
    const { matrices = 0, grams = 0 } = shape.decomposing ?? {};
    // Beside the weight there is what one of the two parts leaves of it, and that weighted.
    const more = own.fisherBatches > 0 ? 2 : 1;
    return { ...shape, decomposing: { matrices: matrices + more, grams } };
  },
  changesBase: true,
  needsQuantized: true,
  fisherBatches: (own) => own.fisherBatches,
  trainsFactors: true,
});

export const lqLoraPreset = {
  preset: 'LQLoRA',
  summary:
    'Low-rank adapters that begin with what quantizing a base model to 4 bits loses, with AdamW.',
  axes: {
    base: { type: 'NF4' },
    adapter: { type: 'LQLoRA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
