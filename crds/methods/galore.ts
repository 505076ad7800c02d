// GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection. The optimizer sees the
// gradient of a block's matrix projected to its R largest directions, and its state has that size:
//   low = G B,   W -= scale * back(Adam(low)),   B recomputed every T updates
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adamParameters } from './adamw.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection',
  arxiv: '2403.03507',
} as const;

/** Parameters of every method that projects gradients. */
export const projectionParameters = adamParameters.extend({
  rank: z
    .int32()
    .min(1)
    .max(65_536)
    .optional()
    .describe(
      'Rank of the projection, at most the smaller dimension of the matrix. A quarter of that dimension when absent.',
    ),
  scale: decimal({ above: 0 })
    .default('0.25')
    .describe(
      'Factor on the updates of projected matrices: alpha. Others use the plain learning rate.',
    ),
  refreshSteps: z
    .int32()
    .min(1)
    .max(1_000_000)
    .default(200)
    .describe('Updates of a matrix between two computations of its projection: T.'),
  directions: z
    .enum(['Sketched', 'Exact'])
    .default('Sketched')
    .describe(
      'How the projection is computed. Sketched is a randomized method with two power iterations: it takes a fraction of the time, and loses some 2 percent more of a gradient. Exact computes all singular vectors in float64.',
    ),
});

export const galoreParameters = projectionParameters.extend({
  moments: z
    .enum(['Float32', 'BFloat16', 'EightBit'])
    .default('Float32')
    .describe('Type of the moments: 8, 4 or about 2 bytes per value in the subspace.'),
});

export const galore = axisEntry({
  axis: 'optimizer',
  type: 'GaLore',
  member: 'galore',
  summary:
    'AdamW on low-rank projections of the gradients: state of the size of the rank, all weights are trained.',
  paper,
  parameters: galoreParameters,
  words: (own) => ofRank('GaLore', own),
});

/** `GaLore r=128`. */
export function ofRank(name: string, { rank }: { readonly rank?: number | undefined }): string {
  return `${name} r=${rank ?? 'quarter'}`;
}

/** Rank of a matrix with this smaller dimension. */
export function rankWithin(smaller: number, wanted: number | undefined): number {
  return wanted === undefined ? Math.max(1, Math.floor(smaller / 4)) : Math.min(wanted, smaller);
}

export const galorePreset = {
  preset: 'GaLore',
  summary: 'All weights are trained, by low-rank projections of their gradients.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'GaLore' },
  },
  paper,
} as const satisfies Preset;
