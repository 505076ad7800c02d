// Natural GaLore: Efficient On-Line Natural Gradient Descent. GaLore whose optimizer sees a natural
// gradient: the projected one, times the inverse of a Fisher matrix that is estimated from the last
// gradients.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { galoreParameters, ofRank } from './galore.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'Natural GaLore: Accelerating GaLore for memory-efficient LLM Training and Fine-tuning',
  arxiv: '2410.16029',
} as const;

export const naturalGalore = axisEntry({
  axis: 'optimizer',
  type: 'NaturalGaLore',
  member: 'naturalGalore',
  summary:
    'GaLore with natural gradients: projected gradients, times an inverse Fisher matrix estimated from the last ones.',
  paper,
  parameters: galoreParameters.extend({
    history: z
      .int32()
      .min(1)
      .max(256)
      .default(20)
      .describe(
        'Projected gradients in the estimate of the Fisher matrix. Each takes 2 bytes per value in the subspace.',
      ),
    sides: z
      .enum(['One', 'Both'])
      .default('One')
      .describe(
        'Sides of a matrix that are projected: the smaller one, or both, so that moments and history have rank x rank values.',
      ),
    damping: decimal({ above: 0 })
      .default('1e-3')
      .describe('Added to the diagonal of the Fisher matrix: lambda.'),
  }),
  words: (own) => `${ofRank('Natural GaLore', own)}${own.sides === 'Both' ? ' of both sides' : ''}`,
});

export const naturalGalorePreset = {
  preset: 'NaturalGaLore',
  summary: 'All weights are trained, by natural gradients in low-rank subspaces.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'NaturalGaLore' },
  },
  paper,
} as const satisfies Preset;
