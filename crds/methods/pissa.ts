// PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models. LoRA
// that begins with the largest singular components of each weight, which the base gives up:
//   y = x (W - s B0 A0)^T + s * drop(x) A^T B^T,   s B0 A0 the best approximation of W of rank R
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import {
  alphaOfRank,
  byRank,
  directions,
  dropout,
  rankOf,
  targetModules,
} from './adapter-fields.ts';
import { rankWithin, takingOver } from './adapter-shapes.ts';

const paper = {
  title:
    'PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models',
  arxiv: '2404.02948',
} as const;

export const pissa = adapterEntry({
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
  words: (own) => byRank('PiSSA', own),
  shape: (own) => takingOver(own, rankWithin),
  changesBase: true,
  trainsFactors: true,
});

export const pissaPreset = adapterPreset(
  pissa,
  'Low-rank adapters that begin with the largest singular components of a dense model, with AdamW.',
);
