// PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models. LoRA
// that begins with the largest singular components of each weight, which the base gives up:
//   y = x (W - s B0 A0)^T + s * drop(x) A^T B^T,   s B0 A0 the best approximation of W of rank R
import * as z from 'zod';
import { alphaOfRank, directions, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models',
  arxiv: '2404.02948',
} as const;

export const pissa = axisEntry({
  axis: 'adapter',
  type: 'PiSSA',
  member: 'pissa',
  summary:
    'LoRA that begins with the largest singular components of each chosen weight; the base keeps the others.',
  paper,
  use: { goal: 'a better beginning', words: 'in the largest components of the weights' },
  parameters: z.strictObject({
    rank: rankOf(64, 'Rank: number of components. A layer with a smaller side takes that instead.'),
    alpha: alphaOfRank,
    dropout,
    directions,
    targetModules,
  }),
});

export const pissaPreset = {
  preset: 'PiSSA',
  summary:
    'Low-rank adapters that begin with the largest singular components of a dense model, with AdamW.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'PiSSA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
