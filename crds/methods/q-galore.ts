// Q-GaLore: Quantized GaLore with INT4 Projection and Layer-Adaptive Low-Rank Gradients. GaLore
// with projections in 4 bits, which are recomputed less often where they have converged, and
// moments in 8 bits.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { ofRank, projectionParameters } from './galore.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'Q-GaLore: Quantized GaLore with INT4 Projection and Layer-Adaptive Low-Rank Gradients',
  arxiv: '2407.08296',
} as const;

const { betas } = projectionParameters.shape;

export const qGalore = axisEntry({
  axis: 'optimizer',
  type: 'QGaLore',
  member: 'qGalore',
  summary:
    'GaLore with projections in 4 bits, recomputed less often where they have converged, and moments in 8 bits.',
  paper,
  parameters: projectionParameters.extend({
    betas: betas
      .unwrap()
      .default(['0.9', '0.95'])
      .describe(betas.description ?? ''),
    cosineThreshold: decimal({ min: 0, max: 1 })
      .default('0.4')
      .describe(
        'Mean cosine of successive first directions above which a projection counts as converged.',
      ),
    gapGrowth: decimal({ min: 1, max: 1000 })
      .default('2')
      .describe('Factor on refreshSteps at each computation of a converged projection: gamma.'),
    queueSize: z.int32().min(1).max(1000).default(5).describe('Number of cosines in the mean.'),
  }),
  words: (own) => ofRank('Q-GaLore', own),
});

export const qGalorePreset = {
  preset: 'QGaLore',
  summary:
    'All weights are trained, in 8 bits with stochastic rounding, by low-rank projections of their gradients, with state in 4 and 8 bits.',
  axes: {
    precision: {
      type: 'BFloat16',
      bfloat16: { masterWeights: 'StochasticRounding', trainedWeights: 'Int8' },
    },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'QGaLore' },
  },
  paper,
} as const satisfies Preset;
