// PaCA: Partial Connection Adaptation for Efficient Fine-Tuning. Trains random columns of each
// weight in place:
//   y = x W^T + s * x[:, i] V^T,   V: O x R, i: R of the I inputs, s = alpha / R
// V starts at zero. The backward needs x[:, i], not x.
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, rankOf, targetModules } from './adapter-fields.ts';
import type { Sides } from './adapter-shapes.ts';

const paper = {
  title: 'PaCA: Partial Connection Adaptation for Efficient Fine-Tuning',
  arxiv: '2503.01905',
} as const;

export const paca = adapterEntry({
  type: 'PaCA',
  member: 'paca',
  summary: 'Trains random columns of each chosen weight; all others stay frozen.',
  paper,
  use: { goal: 'less time and memory than LoRA', words: 'random columns of each weight, in place' },
  parameters: z.strictObject({
    rank: rankOf(16, 'Rank: number of trained columns. A layer with fewer inputs trains all.'),
    alpha,
    targetModules,
  }),
  words: (own) => byRank('PaCA', own),
  shape({ rank, targetModules }) {
    const within = (linear: Sides) => Math.min(rank, linear.in);
    return {
      ...{ targetModules, dropout: 0, made: () => 0, decomposing: null },
      ones: (linear) => linear.in * within(linear),
      count: (linear) => ({
        ...{ trained: linear.out * within(linear), kept: within(linear), taken: 0 },
      }),
      perToken: (linear) => ({ exact: 0, copied: within(linear) }),
    };
  },
});

export const pacaPreset = adapterPreset(
  paca,
  'Random columns of the linear layers of a frozen dense model, with AdamW: no product beside the layer, half the parameters of LoRA.',
);
