// OwLore: Outlier-weighed Layerwise Sampled Low-Rank Projection for Memory-Efficient LLM
// Fine-tuning. Blocks are sampled as in LISA, with probabilities proportional to their share of
// outliers, and the gradients of active blocks are projected (GaLore):
//   A = |W| * norm of the column's inputs,   D(block) = share of A above M * mean(A)
//   p(block) ~ D(block)
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { drawParameters } from './lisa.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'OwLore: Outlier-weighed Layerwise Sampled Low-Rank Projection for Memory-Efficient LLM Fine-tuning',
  arxiv: '2405.18380',
} as const;

const { activeLayers, intervalSteps } = drawParameters.shape;

export const owlore = axisEntry({
  axis: 'selection',
  type: 'OwLore',
  member: 'owlore',
  summary:
    'A few blocks are trained, as in LISA; those with more outliers, counted on training records before the first step, are sampled more often.',
  paper,
  parameters: drawParameters.extend({
    activeLayers: activeLayers
      .unwrap()
      .default(5)
      .describe(activeLayers.description ?? ''),
    intervalSteps: intervalSteps
      .unwrap()
      .default(50)
      .describe(intervalSteps.description ?? ''),
    outlierThreshold: decimal({ above: 0 })
      .default('13')
      .describe('Threshold of an outlier, as a multiple of the mean of its block: M.'),
    calibrationSequences: z
      .int32()
      .min(1)
      .max(65_536)
      .default(128)
      .describe('Training sequences, from the first, on which outliers are counted.'),
    floor: decimal({ min: 0, max: 1 })
      .default('0.05')
      .describe(
        'Share of the probability that is uniform over all blocks, so that each is sampled at times.',
      ),
  }),
});

export const owlorePreset = {
  preset: 'OwLore',
  summary:
    'Five blocks at a time, sampled by their outliers, with low-rank projections of their gradients.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'OwLore' },
    optimizer: { type: 'GaLore', galore: { rank: 256, refreshSteps: 100, scale: '1' } },
  },
  paper,
} as const satisfies Preset;
