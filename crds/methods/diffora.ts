// DiffoRA: Enabling Parameter-Efficient Fine-tuning via Differential Module Selection. LoRA on some
// of the linear layers of each block alone. A search before the first step chooses them: a gate for
// each layer between 0 and 1, which trains beside adapters that layers of the same name share:
//   y = x (W + sigmoid(t_l) s B_k A_k)^T
// A reconstruction: no code of the authors can be had, and what the abstract does not say is ours.
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, byRank, dropout, rankOf, targetModules } from './adapter-fields.ts';
import { type AdapterShape, inner, likeLora, ofTwoFactors, type Sides } from './adapter-shapes.ts';
import { lastPart, linearsOf, namedLinears } from './linears.ts';

const paper = {
  title: 'DiffoRA: Enabling Parameter-Efficient Fine-tuning via Differential Module Selection',
  arxiv: '2502.08905',
} as const;

const parameters = z.strictObject({
  rank: rankOf(16, 'Rank: inner dimension of the two matrices of each layer that is chosen.'),
  alpha,
  dropout,
  chosenShare: decimal({ above: 0, below: 1 })
    .default('0.5')
    .describe(
      'Part of the target layers of each block that get an adapter, to the nearest number, one at least.',
    ),
  searchSteps: z
    .int32()
    .min(1)
    .max(10_000)
    .default(8)
    .describe(
      'Steps of the search. Each takes two training batches, from the first: one for the shared adapters, one for the gates.',
    ),
  targetModules,
});

type Own = z.output<typeof parameters>;

export const diffora = adapterEntry({
  type: 'DiffoRA',
  member: 'diffora',
  summary:
    'LoRA on the layers of each block that a search over training batches chooses. A reconstruction.',
  paper,
  use: { goal: 'few trained parameters', words: 'LoRA on the half of the layers that need it' },
  parameters,
  words: (own) => byRank('DiffoRA', own),
  shape: ofChosen,
  readsGradient: true,
  plansRanks: () => true,
  trainsFactors: true,
});

export const difforaPreset = adapterPreset(
  diffora,
  'Low-rank adapters on the half of the linear layers that a search chooses, on a dense model, with AdamW.',
);

/** How many of the target layers of a block get an adapter. */
export function chosenOf(share: number, layers: number): number {
  return Math.max(1, Math.round(share * layers));
}

/** Whether no target layer of a block would be left; of a model without fused layers. */
export function choosesAll({ chosenShare, targetModules }: Own): boolean {
  const all = targetModules.includes('AllLinear');
  const layers = all ? 7 : new Set(targetModules.map(lastPart)).size;
  return chosenOf(Number(chosenShare), layers) === layers;
}

/** Which layers are chosen is not known before: what is counted is the most that they may have. */
function ofChosen(own: Own, model: ModelFacts): AdapterShape {
  const { rank, targetModules, chosenShare } = own;
  const linears = namedLinears(linearsOf(model), targetModules);
  const values = (linear: Sides) => linear.in + linear.out;
  const largest = linears
    .toSorted((a, b) => values(b) - values(a))
    .slice(0, chosenOf(Number(chosenShare), linears.length))
    .map(({ name }) => name);
  const rankIn = (name: string) => (largest.includes(name) ? rank : 0);
  return {
    ...likeLora(own, {
      count: (linear) => ({ trained: rankIn(linear.name) * values(linear), kept: 0, taken: 0 }),
    }),
    perToken: ({ name }) => inner(rankIn(name)),
    ofRank: ofTwoFactors,
    // Products of a gradient with both shared factors.
    decomposing: { matrices: 0, grams: 0 },
    searches: (linear) => rank * values(linear),
  };
}
