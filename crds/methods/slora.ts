// SLoRA of NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models. LoRA with a
// trained square matrix between its two:
//   y = x W^T + s * drop(x) A^T N^T B^T,   A: R x I, N: R x R, B: O x R
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { joined, likeLora, threeOf } from './adapter-shapes.ts';

export const paper = {
  title: 'NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models',
  arxiv: '2502.14482',
} as const;

export const slora = adapterEntry({
  type: 'SLoRA',
  member: 'slora',
  summary: 'LoRA with a trained square matrix of the rank between its two.',
  paper,
  use: { goal: 'more freedom between the two matrices', words: 'a square matrix' },
  parameters: z.strictObject({
    rank: rankOf(16, 'Rank: size of the matrix in the middle.'),
    alpha,
    dropout,
    targetModules,
  }),
  words: (own) => byRank('SLoRA', own),
  shape: (own) =>
    likeLora(own, {
      count: (linear) => ({ trained: threeOf(linear, own.rank), kept: 0, taken: 0 }),
      made: (linear) => joined(linear, own.rank),
    }),
});

export const sloraPreset = adapterPreset(
  slora,
  'Low-rank adapters of three trained matrices on a frozen dense model, with AdamW.',
);
