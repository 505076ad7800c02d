// PaCA: Partial Connection Adaptation for Efficient Fine-Tuning. Trains random columns of each
// weight in place:
//   y = x W^T + s * x[:, i] V^T,   V: O x R, i: R of the I inputs, s = alpha / R
// V starts at zero. The backward needs x[:, i], not x.
import * as z from 'zod';
import { alpha, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'PaCA: Partial Connection Adaptation for Efficient Fine-Tuning',
  arxiv: '2503.01905',
} as const;

export const paca = axisEntry({
  axis: 'adapter',
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
});

export const pacaPreset = {
  preset: 'PaCA',
  summary:
    'Random columns of the linear layers of a frozen dense model, with AdamW: no product beside the layer, half the parameters of LoRA.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'PaCA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
