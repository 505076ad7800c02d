// SoRA: Sparse Low-rank Adaptation of Pre-trained Language Models. LoRA with a gate for each rank,
// which a proximal step shrinks after each update until it is zero:
//   y = x W^T + s * ((drop(x) A^T) * g) B^T,   A: R x I, B: O x R, g: R, s = alpha / R
//   g <- sign(g) max(|g| - threshold, 0)
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import { withDiagonal } from './adapter-shapes.ts';

const paper = {
  title: 'Sparse Low-rank Adaptation of Pre-trained Language Models',
  arxiv: '2311.11696',
} as const;

export const sora = adapterEntry({
  type: 'SoRA',
  member: 'sora',
  summary: 'LoRA with a gate for each rank, which training closes where the rank is not needed.',
  paper,
  use: { goal: 'ranks that follow from training', words: 'closes the ranks that are not needed' },
  parameters: z.strictObject({
    rank: rankOf(
      8,
      'Rank at first: inner dimension of the two matrices. Results have what is left.',
    ),
    alpha,
    dropout,
    threshold: decimal({ above: 0, max: 1 })
      .default('3e-4')
      .describe('What each step takes from the size of each gate, whatever the learning rate.'),
    finalThreshold: decimal({ above: 0, max: 1 })
      .optional()
      .describe('The threshold of the last step, to which it goes in equal parts. None: it stays.'),
    targetModules,
  }),
  words: (own) => `SoRA r=${own.rank} at first ${onLayers(own)}`,
  shape: (own) => withDiagonal(own),
});

export const soraPreset = adapterPreset(
  sora,
  'Low-rank adapters with a gate for each rank, on all linear layers of a frozen dense model, with AdamW; ranks whose gate closes are not in the result.',
);
