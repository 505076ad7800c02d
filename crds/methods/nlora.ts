// NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models. Three matrices, as SLoRA,
// that begin with parts of the weight, which the base gives up:
//   y = x (W - s B0 N0 A0)^T + s * drop(x) A^T N^T B^T
//   A0 the first R rows of W, B0 its first R columns, N0 a pseudo-inverse of their corner
// IntermediateTune trains N alone.
import * as z from 'zod';
import { alphaOfRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';
import { paper } from './slora.ts';

export const nlora = axisEntry({
  axis: 'adapter',
  type: 'NLoRA',
  member: 'nlora',
  summary:
    'Three matrices that begin with the first rows, columns and their corner of each chosen weight; the base keeps the rest.',
  paper,
  use: { goal: 'a better beginning', words: 'in rows and columns, without decomposing' },
  parameters: z.strictObject({
    rank: rankOf(
      64,
      'Rank: number of rows and of columns. A layer with a smaller side takes that instead.',
    ),
    alpha: alphaOfRank,
    dropout,
    train: z
      .enum(['All', 'Core'])
      .default('All')
      .describe('Which matrices are trained: all three, or the square one between the others.'),
    targetModules,
  }),
});

export const nloraPreset = {
  preset: 'NLoRA',
  summary:
    'Low-rank adapters of three matrices that begin with parts of each weight of a dense model, with AdamW.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'NLoRA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;

export const intermediateTunePreset = {
  preset: 'IntermediateTune',
  summary:
    'NLoRA that trains the square matrix of each layer alone, with AdamW: far fewer parameters than LoRA.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'NLoRA', nlora: { train: 'Core' } },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
