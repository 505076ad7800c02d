// LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters. Trains a small square
// matrix between two fixed factors of each weight:
//   y = x W^T + x A^T R^T B^T,   A: R x I, B: O x R from the singular vectors of W, R: R x R
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { byRank, rankOf, targetModules } from './adapter-fields.ts';
import { betweenFixed, sketch } from './adapter-shapes.ts';

const paper = {
  title: 'LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters',
  arxiv: '2405.17604',
} as const;

export const loraXs = adapterEntry({
  type: 'LoRAXS',
  member: 'loraXs',
  summary:
    'Trains a square matrix of the rank between the fixed singular vectors of each chosen weight.',
  paper,
  use: { goal: 'few trained parameters', words: 'a square matrix between singular vectors' },
  parameters: z.strictObject({
    rank: rankOf(
      64,
      'Rank: size of the trained matrix. A layer with a smaller side takes that instead.',
    ),
    targetModules,
  }),
  words: (own) => byRank('LoRA-XS', own),
  shape: (own) => betweenFixed(own, sketch, (rank) => ({ trained: rank * rank, kept: 0 })),
});

export const loraXsPreset = adapterPreset(
  loraXs,
  'A trained square matrix between the singular vectors of each frozen weight, with AdamW: far fewer parameters than LoRA.',
);
