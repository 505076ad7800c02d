// KaSA: Knowledge-Aware Singular-Value Adaptation of Large Language Models. LoRA with trained
// singular values between its matrices, on weights without their smallest singular components:
//   y = x (W - U_d S_d V_d^T)^T + s * (drop(x) A^T * d) B^T,   d: R
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { exact, joined, pairedRank, type Sides, withDiagonal } from './adapter-shapes.ts';

const paper = {
  title: 'KaSA: Knowledge-Aware Singular-Value Adaptation of Large Language Models',
  arxiv: '2412.06071',
} as const;

export const kasa = adapterEntry({
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
  words: (own) => byRank('KaSA', own),
  shape(own) {
    const taken = (linear: Sides) => pairedRank(linear, own.rank) * (linear.in + linear.out);
    const made = (linear: Sides) => joined(linear, own.rank);
    return { ...withDiagonal(own, taken), made, decomposing: exact };
  },
  changesBase: true,
});

export const kasaPreset = adapterPreset(
  kasa,
  'Low-rank adapters with trained singular values on a dense model without its smallest singular components, with AdamW.',
);
