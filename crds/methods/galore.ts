// GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection. The optimizer of a block's
// matrix sees its gradient in the R directions in which it is largest, and its state is of that
// size:
//   low = G B,   W -= scale * back(Adam(low)),   B anew every T updates
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adamParameters } from './adamw.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection',
  arxiv: '2403.03507',
} as const;

/** What every method has that projects gradients. */
export const projectionParameters = adamParameters.extend({
  rank: z
    .int32()
    .min(1)
    .max(65_536)
    .optional()
    .describe(
      'Directions that are kept of a gradient, at most the smaller side of the matrix. A quarter of that side when absent.',
    ),
  scale: decimal({ above: 0 })
    .default('0.25')
    .describe(
      'Multiplies the updates of projected matrices: alpha. Others take the learning rate as it is.',
    ),
  refreshSteps: z
    .int32()
    .min(1)
    .max(1_000_000)
    .default(200)
    .describe('Updates of a matrix between two choices of its directions: T.'),
  directions: z
    .enum(['Sketched', 'Exact'])
    .default('Sketched')
    .describe(
      'How directions are found. Sketched turns some that were drawn towards the largest ones, twice: in a fraction of the time, and what they leave out of a gradient is some 2 percent more. Exact computes all of them, in float64.',
    ),
});

export const galore = axisEntry({
  axis: 'optimizer',
  type: 'GaLore',
  member: 'galore',
  summary:
    'AdamW on gradients in their largest directions: state of the size of the rank, all weights are trained.',
  paper,
  parameters: projectionParameters.extend({
    moments: z
      .enum(['Float32', 'BFloat16', 'EightBit'])
      .default('Float32')
      .describe(
        'How the moments are stored: 8, 4 or about 2 bytes for each value in the subspace.',
      ),
  }),
});

/** Rank of a matrix with this smaller side. */
export function rankWithin(smaller: number, wanted: number | undefined): number {
  return wanted === undefined ? Math.max(1, Math.floor(smaller / 4)) : Math.min(wanted, smaller);
}

export const galorePreset = {
  preset: 'GaLore',
  summary: 'All weights are trained, by gradients in their largest directions.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'GaLore' },
  },
  paper,
} as const satisfies Preset;
