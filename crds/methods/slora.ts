// SLoRA of NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models. LoRA with a
// trained square matrix between its two:
//   y = x W^T + s * drop(x) A^T N^T B^T,   A: R x I, N: R x R, B: O x R
import * as z from 'zod';
import { alpha, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

export const paper = {
  title: 'NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models',
  arxiv: '2502.14482',
} as const;

export const slora = axisEntry({
  axis: 'adapter',
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
});

export const sloraPreset = {
  preset: 'SLoRA',
  summary: 'Low-rank adapters of three trained matrices on a frozen dense model, with AdamW.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'SLoRA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
