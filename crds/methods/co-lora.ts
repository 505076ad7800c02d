// CoLoRA: contribution-based low-rank adaptation. LoRA whose ranks follow from how much each layer
// contributes to what training changes: adapters of the largest rank train for some steps, and
//   C_l = sum over t of <gradient of W_l at t, s B_l A_l>
// on the straight way from the base, t = 0, to what they made of it, t = 1. Ranks are in proportion
// to |C_l|, within a share of the weights. A reconstruction from the abstract.
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import {
  type AdapterShape,
  likeLora,
  ofTwoFactors,
  rankWithin,
  type Sides,
} from './adapter-shapes.ts';

const paper = {
  title:
    'Contribution-based Low-Rank Adaptation with Pre-training Model for Real Image Restoration',
  arxiv: '2408.01099',
} as const;

const parameters = z.strictObject({
  rank: rankOf(16, 'The largest rank of a layer, and that of the adapters that are measured.'),
  alpha,
  dropout,
  ratio: decimal({ above: 0, below: 1 })
    .default('0.07')
    .describe('Values of all adapters, as a share of the weights of their layers.'),
  probeSteps: z
    .int32()
    .min(1)
    .max(10_000)
    .default(50)
    .describe('Steps of the adapters that are measured, on training batches from the first.'),
  intervals: z
    .int32()
    .min(1)
    .max(1000)
    .default(10)
    .describe('Parts of the way along which contributions are measured.'),
  targetModules,
});

type Own = z.output<typeof parameters>;

export const coLora = adapterEntry({
  type: 'CoLoRA',
  member: 'coLora',
  summary:
    'LoRA with ranks in proportion to what each layer contributes to the change that training makes. A reconstruction.',
  paper,
  use: { goal: 'a better beginning', words: 'a budget of values, spent where the loss changes' },
  parameters,
  words: (own) =>
    `${byRank('CoLoRA', own)}, at most ${Number((100 * Number(own.ratio)).toPrecision(4))} % of their weights`,
  shape: ofBudget,
  readsGradient: true,
  plansRanks: () => true,
  trainsFactors: true,
  takesConvolutions: true,
});

export const coLoraPreset = adapterPreset(
  coLora,
  'Low-rank adapters with ranks by the contribution of each layer, within 7 percent of a dense model, with AdamW.',
);

/** Ranks are not known before: a layer counts its share of the budget, or all that it may have. */
function ofBudget(own: Own, { L }: ModelFacts): AdapterShape {
  const { rank, ratio } = own;
  const values = (linear: Sides, of = rank) => rankWithin(linear, of) * (linear.in + linear.out);
  const share = (linear: Sides) => Number(ratio) * linear.in * linear.out;
  return {
    ...likeLora(own, {
      count: (linear) => ({
        trained: Math.max(values(linear, 1), Math.min(values(linear), share(linear))),
        ...{ kept: 0, taken: 0 },
      }),
    }),
    ofRank: ofTwoFactors,
    // Products of a gradient with both factors.
    decomposing: { matrices: 0, grams: 0 },
    searches: (linear) => L * values(linear),
  };
}
