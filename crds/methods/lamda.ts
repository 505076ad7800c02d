// LaMDA: Large Model Fine-Tuning via Spectrally Decomposed Low-Dimensional Adaptation. Trains a
// small square matrix between A, which is fixed, and B, whose columns stop one after the other:
//   y = x W^T + s * drop(x) A^T S^T B^T,   A: R x I, S: R x R, B: O x R, s = alpha / R
// W without the components that A, S and B begin with.
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import {
  type AdapterShape,
  inner,
  joined,
  type LinearSize,
  largestRanks,
  rankWithin,
  type Sides,
  sketch,
} from './adapter-shapes.ts';
import { linearsOf, namedLinears } from './linears.ts';

const paper = {
  title: 'LaMDA: Large Model Fine-Tuning via Spectrally Decomposed Low-Dimensional Adaptation',
  arxiv: '2406.12832',
} as const;

const parameters = z.strictObject({
  rank: rankOf(
    32,
    'Rank: size of the square matrix. A layer with a smaller side takes that instead.',
  ),
  alpha,
  dropout,
  initialization: z
    .enum(['Svd', 'LoRA'])
    .default('Svd')
    .describe(
      'Svd: the largest singular components of each weight, which the base gives up. LoRA: random, with B at zero.',
    ),
  allocation: z
    .enum(['Uniform', 'Spectrum'])
    .default('Uniform')
    .describe(
      'Uniform: all layers have the rank. Spectrum (LaMDA++, a reconstruction): layers share the ranks of all by how much of a weight each of its components is, up to twice the rank; some may have none and get no adapter. Needs initialization Svd.',
    ),
  freezeFraction: decimal({ above: 0, max: 1 })
    .default('0.3')
    .describe('Part of the steps after which all columns of B are fixed.'),
  targetModules,
});

type Own = z.output<typeof parameters>;

export const lamda = adapterEntry({
  type: 'LaMDA',
  member: 'lamda',
  summary:
    'Trains a square matrix of the rank between a fixed factor and one whose columns stop training one after the other.',
  paper,
  use: { goal: 'few trained parameters', words: 'a square matrix; one side comes to rest' },
  parameters,
  words: (own) => byRank(own.allocation === 'Spectrum' ? 'LaMDA++' : 'LaMDA', own),
  shape: betweenSides,
  changesBase: { initialization: 'Svd' },
  plansRanks: ({ allocation }) => allocation === 'Spectrum',
  // Columns of B come to rest one after the other.
  updatesMatrices: true,
});

/** The most components of a layer whose rank follows from the spectra. */
export function mostOfSpectrum(rank: number): number {
  return 2 * rank;
}

export const lamdaPreset = adapterPreset(
  lamda,
  'A trained square matrix between the singular vectors of a dense model, one side of which trains at first, with AdamW.',
);

/** A square matrix and B, which train at first, and A, which is fixed. */
function betweenSides({ initialization, ...of }: Own, model: ModelFacts): AdapterShape {
  const { targetModules } = of;
  const takes = initialization === 'Svd';
  const isShared = of.allocation === 'Spectrum';
  const most = (linear: Sides) => rankWithin(linear, isShared ? mostOfSpectrum(of.rank) : of.rank);
  const linears = namedLinears(linearsOf(model), targetModules);
  const ranksBy = (values: (linear: Sides) => number) =>
    isShared ? largestRanks(linears, of.rank, most, values) : most;
  const ranks = {
    trained: ranksBy((linear) => linear.out),
    kept: ranksBy((linear) => linear.in),
    taken: ranksBy((linear) => linear.in + linear.out),
  };
  return {
    ...{ targetModules, dropout: Number(of.dropout), decomposing: takes ? sketch : null },
    perToken: (linear) => inner(isShared ? of.rank : most(linear)),
    count(linear) {
      const own = ranks.trained(linear);
      return {
        trained: own * (own + linear.out),
        kept: ranks.kept(linear) * linear.in,
        taken: takes ? ranks.taken(linear) * (linear.in + linear.out) : 0,
      };
    },
    ofRank: (linear, own) => ({
      trained: own * (own + linear.out),
      kept: own * linear.in,
      taken: takes ? own * (linear.in + linear.out) : 0,
      made: joined(linear, own),
      perToken: own,
    }),
    // Of the square matrix.
    made: (linear) => joined(linear, ranks.trained(linear)),
    ...(isShared && {
      found: (linear: LinearSize) => most(linear) * (linear.in + linear.out + most(linear)),
    }),
  };
}
