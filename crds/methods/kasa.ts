// KaSA: Knowledge-Aware Singular-Value Adaptation of Large Language Models. LoRA with trained
// singular values between its matrices, on weights without their smallest singular components:
//   y = x (W - U_d S_d V_d^T)^T + s * (drop(x) A^T * d) B^T,   d: R
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { alpha, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'KaSA: Knowledge-Aware Singular-Value Adaptation of Large Language Models',
  arxiv: '2412.06071',
} as const;

export const kasa = axisEntry({
  axis: 'adapter',
  type: 'KaSA',
  member: 'kasa',
  summary:
    'LoRA with trained singular values between its matrices; each chosen weight loses its smallest singular components.',
  paper,
  use: {
    goal: 'more freedom between the two matrices',
    words: 'singular values; weights lose their least',
  },
  parameters: z.strictObject({
    rank: rankOf(
      16,
      'Rank: inner dimension of the two matrices, and number of components that a weight loses, of a small side half at most.',
    ),
    alpha,
    dropout,
    beta: decimal({ min: 0 })
      .default('1e-4')
      .describe('Part of the loss: beta times the mean squared norm of the singular values.'),
    gamma: decimal({ min: 0 })
      .default('1e-3')
      .describe(
        'Part of the loss: gamma times the mean distance of both matrices from orthonormal.',
      ),
    targetModules,
  }),
});

export const kasaPreset = {
  preset: 'KaSA',
  summary:
    'Low-rank adapters with trained singular values on a dense model without its smallest singular components, with AdamW.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'KaSA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
