// S2-LoRA: Sparsely Shared LoRA on Whisper for Child Speech Recognition. Layers of equal size share
// two matrices; a layer has a coefficient of its own for each rank, which a proximal step shrinks
// after each update until it is zero:
//   y = x W^T + s * ((drop(x) Q^T) * c) P^T,   Q: R x I, P: O x R shared, c: R, s = alpha / R
//   c <- sign(c) max(|c| - threshold, 0)
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alphaOfRank, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { type AdapterShape, likeLora, type Sides } from './adapter-shapes.ts';
import { linearsOf, namedLinears } from './linears.ts';

const paper = {
  title: 'Sparsely Shared LoRA on Whisper for Child Speech Recognition',
  arxiv: '2309.11756',
} as const;

const parameters = z.strictObject({
  rank: rankOf(
    32,
    'Inner dimension of the two matrices that layers of equal size share. Results have what is left of it in each layer.',
  ),
  alpha: alphaOfRank,
  dropout,
  threshold: decimal({ min: 0, max: 1 })
    .default('1e-4')
    .describe(
      'What each step takes from the size of each coefficient, whatever the learning rate.',
    ),
  learningRateRatio: decimal({ above: 0 })
    .default('10')
    .describe('Learning rate of the coefficients over that of the shared matrices.'),
  orthogonality: decimal({ min: 0 })
    .default('0.1')
    .describe('Part of the loss: this times the mean distance of both matrices from orthonormal.'),
  targetModules,
});

export const s2Lora = adapterEntry({
  type: 'S2LoRA',
  member: 's2Lora',
  summary:
    'Two matrices that all layers of equal size share, and sparse coefficients that each layer has of its own. A reconstruction.',
  paper,
  use: { goal: 'few trained parameters', words: 'matrices that layers share, sparse coefficients' },
  parameters,
  words: (own) => byRank('S2-LoRA', own),
  shape: ofShared,
  trainsRows: false,
});

export const s2LoraPreset = adapterPreset(
  s2Lora,
  'Low-rank matrices that layers of equal size share, with sparse coefficients for each layer, beside a frozen dense model, with AdamW.',
);

function ofShared(own: z.output<typeof parameters>, model: ModelFacts): AdapterShape {
  const { rank } = own;
  const sizes = new Map(
    namedLinears(linearsOf(model), own.targetModules).map((linear) => [
      `${linear.out}x${linear.in}`,
      linear.out + linear.in,
    ]),
  );
  return {
    ...likeLora(own),
    count: () => ({ trained: rank, kept: 0, taken: 0 }),
    shared: rank * [...sizes.values()].reduce((sum, size) => sum + size, 0),
    factors: (linear: Sides) => rank * (linear.in + linear.out),
    made: (linear) => rank * linear.out,
  };
}
