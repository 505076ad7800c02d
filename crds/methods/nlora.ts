// NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models. Three matrices, as SLoRA,
// that begin with parts of the weight, which the base gives up:
//   y = x (W - s B0 N0 A0)^T + s * drop(x) A^T N^T B^T
//   A0 the first R rows of W, B0 its first R columns, N0 a pseudo-inverse of their corner
// IntermediateTune trains N alone.
import * as z from 'zod';
import { adapterEntry, adapterPreset, besideDense } from './adapter-entry.ts';
import { alphaOfRank, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import {
  type AdapterShape,
  inner,
  joined,
  rankWithin,
  type Sides,
  threeOf,
} from './adapter-shapes.ts';
import type { Preset } from './method.ts';
import { paper } from './slora.ts';

const parameters = z.strictObject({
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
});

type Own = z.output<typeof parameters>;

export const nlora = adapterEntry({
  type: 'NLoRA',
  member: 'nlora',
  summary:
    'Three matrices that begin with the first rows, columns and their corner of each chosen weight; the base keeps the rest.',
  paper,
  use: { goal: 'a better beginning', words: 'in rows and columns, without decomposing' },
  parameters,
  words: (own) => {
    const core = own.train === 'Core' ? ' of square matrices alone' : '';
    return `NLoRA r=${own.rank}${core} ${onLayers(own)}`;
  },
  shape: ofParts,
  changesBase: true,
});

export const nloraPreset = adapterPreset(
  nlora,
  'Low-rank adapters of three matrices that begin with parts of each weight of a dense model, with AdamW.',
);

export const intermediateTunePreset = {
  preset: 'IntermediateTune',
  summary:
    'NLoRA that trains the square matrix of each layer alone, with AdamW: far fewer parameters than LoRA.',
  axes: besideDense({ type: 'NLoRA', nlora: { train: 'Core' } }),
  paper,
} as const satisfies Preset;

/** Copies of rows and columns, and a few of their corner. */
const corner = { matrices: 1, grams: 1 };

/** Three matrices of parts of a weight, of which it loses the product. */
function ofParts({ rank, targetModules, dropout, train }: Own): AdapterShape {
  const within = (linear: Sides) => rankWithin(linear, rank);
  return {
    ...{ targetModules, dropout: Number(dropout), decomposing: corner },
    perToken: (linear) => inner(within(linear)),
    count(linear) {
      const own = within(linear);
      const two = own * (linear.in + linear.out);
      return train === 'All'
        ? { trained: threeOf(linear, own), kept: 0, taken: two }
        : { trained: own * own, kept: two, taken: two };
    },
    made: (linear) => joined(linear, within(linear)),
  };
}
