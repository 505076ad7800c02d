// OwLore: Outlier-weighed Layerwise Sampled Low-Rank Projection for Memory-Efficient LLM
// Fine-tuning. Blocks are drawn as by LISA, with the probability of their share of outliers, and
// the gradients of those that are drawn are projected (GaLore):
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
    'A few blocks train, as by LISA; those with many outliers, seen on records of the job before the first step, are drawn more often.',
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
      .describe('How many times the mean of its block a value must be to count as an outlier: M.'),
    calibrationSequences: z
      .int32()
      .min(1)
      .max(65_536)
      .default(128)
      .describe(
        'Sequences of the training data on which outliers are counted, from the first; no more than there are.',
      ),
    floor: decimal({ min: 0, max: 1 })
      .default('0.05')
      .describe(
        'Share of the probability that is given to all blocks alike, so that each is drawn at times.',
      ),
  }),
});

export const owlorePreset = {
  preset: 'OwLore',
  summary:
    'Five blocks at a time, drawn by their outliers, by gradients in their largest directions.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'OwLore' },
    optimizer: { type: 'GaLore', galore: { rank: 256, refreshSteps: 100, scale: '1' } },
  },
  paper,
} as const satisfies Preset;
