// Revisiting the Parameter Efficiency of Adapters from the Perspective of Precision Redundancy.
// LoRA whose factors have one or two bits a value while they train:
//   w' = q((w - mean) / deviation) * deviation + mean,   q the nearest of 2 or 4 codes
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import { likeLora } from './adapter-shapes.ts';

const paper = {
  title:
    'Revisiting the Parameter Efficiency of Adapters from the Perspective of Precision Redundancy',
  arxiv: '2307.16867',
} as const;

export const biLora = adapterEntry({
  type: 'BiLoRA',
  member: 'biLora',
  summary: 'LoRA whose two matrices are rounded to one or two bits a value in every pass.',
  paper,
  use: { goal: 'small results', words: 'one or two bits a value while it trains' },
  parameters: z.strictObject({
    rank: rankOf(32, 'Rank: inner dimension of the matrices.'),
    alpha,
    dropout,
    bits: z.int32().min(1).max(2).default(1).describe('Bits of a value: two codes, or four.'),
    targetModules,
  }),
  words: (own) =>
    `Bi-LoRA r=${own.rank} of ${own.bits} bit${own.bits === 1 ? '' : 's'} ${onLayers(own)}`,
  shape: (own) =>
    // Centred, scaled, coded and rounded values of both.
    likeLora(own, { made: (linear) => 4 * own.rank * (linear.in + linear.out) }),
});

export const biLoraPreset = adapterPreset(
  biLora,
  'Low-rank adapters of one bit a value on all linear layers of a frozen dense model, with AdamW.',
);
