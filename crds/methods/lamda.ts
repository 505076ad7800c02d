// LaMDA: Large Model Fine-Tuning via Spectrally Decomposed Low-Dimensional Adaptation. Trains a
// small square matrix between A, which is fixed, and B, whose columns stop one after the other:
//   y = x W^T + s * drop(x) A^T S^T B^T,   A: R x I, S: R x R, B: O x R, s = alpha / R
// W without the components that A, S and B begin with.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { alpha, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'LaMDA: Large Model Fine-Tuning via Spectrally Decomposed Low-Dimensional Adaptation',
  arxiv: '2406.12832',
} as const;

export const lamda = axisEntry({
  axis: 'adapter',
  type: 'LaMDA',
  member: 'lamda',
  summary:
    'Trains a square matrix of the rank between a fixed factor and one whose columns stop training one after the other.',
  paper,
  use: { goal: 'few trained parameters', words: 'a square matrix; one side comes to rest' },
  parameters: z.strictObject({
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
        'Uniform: all layers have the rank. Spectrum: layers share the ranks of all by how much of a weight each of its components is, up to twice the rank; some may have none and get no adapter. Needs initialization Svd.',
      ),
    freezeFraction: decimal({ above: 0, max: 1 })
      .default('0.3')
      .describe('Part of the steps after which all columns of B are fixed.'),
    targetModules,
  }),
});

/** The most components of a layer whose rank follows from the spectra. */
export function mostOfSpectrum(rank: number): number {
  return 2 * rank;
}

export const lamdaPreset = {
  preset: 'LaMDA',
  summary:
    'A trained square matrix between the singular vectors of a dense model, one side of which trains at first, with AdamW.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'LaMDA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
