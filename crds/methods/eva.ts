// EVA: Explained Variance Adaptation. LoRA whose A begins in the principal directions of the inputs
// of each layer on the training data, where most of their variance is:
//   C = cov(x)      A0 = the first R_l eigenvectors of C      B0 = 0
//   y = x W^T + s * drop(x) A^T B^T      s = alpha / R
// or with `whiten` A0_i = v_i / sqrt(sigma_i).
// A layer whose first directions explain more gets more of them: the ranks R_l of all layers add up
// to R each.
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, directions, dropout, rankOf, targetModules } from './adapter-fields.ts';
import {
  type AdapterShape,
  decomposedBy,
  inner,
  largestRanks,
  ofTwoFactors,
  type Sides,
} from './adapter-shapes.ts';
import { linearsOf, namedLinears } from './linears.ts';

const paper = {
  title: 'Parameter Efficient Fine-tuning via Explained Variance Adaptation',
  arxiv: '2410.07170',
} as const;

const parameters = z.strictObject({
  rank: rankOf(16, 'Rank: inner dimension of the two matrices, on average over the layers.'),
  alpha,
  dropout,
  rho: decimal({ min: 1, max: 64 })
    .default('2')
    .describe(
      'The most that a layer may have, as a multiple of the rank. With 1 all layers have the same rank; above, some may have none and get no adapter.',
    ),
  calibrationSequences: z
    .int32()
    .min(1)
    .max(65_536)
    .default(16)
    .describe('Training sequences, from the first, whose activations are measured.'),
  useLabelMask: z
    .boolean()
    .default(true)
    .describe('Whether tokens that predict no label, such as prompts, are left out.'),
  maskFirstToken: z
    .boolean()
    .default(true)
    .describe(
      'Whether the first token of each document is left out: its activations are often far larger than all others.',
    ),
  whiten: z
    .boolean()
    .default(false)
    .describe('Whether each direction is divided by the square root of its singular value.'),
  directions,
  targetModules,
});

type Own = z.output<typeof parameters>;

export const eva = adapterEntry({
  type: 'EVA',
  member: 'eva',
  summary:
    "LoRA that begins in the principal directions of each layer's inputs on the training data; layers whose directions explain more of their variance have more of them.",
  paper,
  use: { goal: 'a better beginning', words: 'where activations vary; ranks by layer' },
  parameters,
  words: (own) => byRank('EVA', own),
  shape: ofPlannedRanks,
  calibration: (own) => ({
    targetModules: own.targetModules,
    sequences: own.calibrationSequences,
    most: mostComponents(own),
    directions: own.directions,
  }),
  plansRanks: ({ rho }) => Number(rho) > 1,
  trainsFactors: true,
});

/** The most components of a layer. */
export function mostComponents({ rank, rho }: { readonly rank: number; readonly rho: string }) {
  return Math.round(rank * Number(rho));
}

export const evaPreset = adapterPreset(
  eva,
  'Low-rank adapters on a dense model that begin where the activations of the training data vary most, with AdamW.',
);

/**
 * Ranks that the activations decide: before, only their sum is known, and the most of a layer. What
 * is counted is the most that all layers together may have: the largest have all that they can.
 */
function ofPlannedRanks(own: Own, model: ModelFacts): AdapterShape {
  const { rank, targetModules, dropout, directions } = own;
  const most = (linear: Sides) => Math.min(mostComponents(own), linear.in);
  const linears = namedLinears(linearsOf(model), targetModules);
  const values = (linear: Sides) => linear.in + linear.out;
  const ranks = largestRanks(linears, rank, most, values);
  return {
    // Of all layers together it is that of their mean rank, however they share ranks.
    ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
    count: (linear) => ({
      ...{ trained: ranks(linear) * values(linear), kept: 0, taken: 0 },
    }),
    ofRank: ofTwoFactors,
    made: () => 0,
    decomposing: decomposedBy(directions),
  };
}
