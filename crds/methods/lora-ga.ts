// LoRA-GA: Low-Rank Adaptation with Gradient Approximation. LoRA that begins in the singular
// vectors of the gradient, so that it goes at first where full fine-tuning would go:
//   G = U S V^T      A0 = c V_(1..R)^T      B0 = c U_(R+1..2R)
//   y = x (W - s B0 A0)^T + s * drop(x) A^T B^T
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import {
  alphaOfRank,
  byRank,
  directions,
  dropout,
  rankOf,
  targetModules,
} from './adapter-fields.ts';
import { pairedRank, takingOver } from './adapter-shapes.ts';

const paper = {
  title: 'LoRA-GA: Low-Rank Adaptation with Gradient Approximation',
  arxiv: '2407.05000',
} as const;

export const loraGa = adapterEntry({
  type: 'LoRAGA',
  member: 'loraGa',
  summary:
    'LoRA that begins in the singular vectors of the gradient of each chosen weight for the first batch.',
  paper,
  use: { goal: 'a better beginning', words: 'in the gradient of the first batch' },
  parameters: z.strictObject({
    rank: rankOf(
      16,
      'Rank: inner dimension of the two matrices. A layer whose smaller side is below twice the rank takes half of that side instead.',
    ),
    alpha: alphaOfRank,
    dropout,
    gamma: decimal({ above: 0, max: 1_000_000 })
      .default('16')
      .describe('Size of both matrices: the fourth root of the outputs over the root of gamma.'),
    directions,
    targetModules,
  }),
  words: (own) => byRank('LoRA-GA', own),
  shape: (own) => takingOver(own, pairedRank),
  changesBase: true,
  readsGradient: true,
  trainsFactors: true,
});

export const loraGaPreset = adapterPreset(
  loraGa,
  'Low-rank adapters that begin in the gradient of a dense model for the first batch, with AdamW.',
);
