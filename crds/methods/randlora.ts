// RandLoRA: Full-Rank Parameter-Efficient Fine-Tuning of Large Models. Adds a matrix of full rank
// to each chosen weight, made of fixed random matrices that all layers share and trained diagonals:
//   dW = s * sum over j of B_j diag(l_j) A diag(g_j),   s = alpha / R, as many j as full rank needs
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { byRank, rankOf, targetModules } from './adapter-fields.ts';
import type { AdapterShape, Sides } from './adapter-shapes.ts';
import { linearsOf, namedLinears } from './linears.ts';

const paper = {
  title: 'RandLoRA: Full-Rank Parameter-Efficient Fine-Tuning of Large Models',
  arxiv: '2502.00987',
} as const;

const parameters = z.strictObject({
  rank: rankOf(
    32,
    'Rank of each random matrix; there are as many as full rank needs. The smaller, the more is trained.',
  ),
  alpha: decimal({ above: 0 })
    .optional()
    .describe('Scaling: the sum is multiplied by alpha / rank. Twenty times the rank when absent.'),
  targetModules,
});

export const randLora = adapterEntry({
  type: 'RandLoRA',
  member: 'randLora',
  summary:
    'Adds a change of full rank, made of fixed random matrices that all layers share and of trained diagonals.',
  paper,
  use: { goal: 'a change of full rank', words: 'random matrices, of which diagonals train' },
  parameters,
  words: (own) => byRank('RandLoRA', own),
  shape: ofFullRank,
});

export const randLoraPreset = adapterPreset(
  randLora,
  'Changes of full rank from shared random matrices and trained diagonals, beside a frozen dense model, with AdamW.',
);

/** Two diagonals for each layer, beside matrices that all of them share. */
function ofFullRank(
  { rank, targetModules: targets }: z.output<typeof parameters>,
  model: ModelFacts,
): AdapterShape {
  const smaller = (linear: Sides) => Math.min(linear.in, linear.out);
  const larger = (linear: Sides) => Math.max(linear.in, linear.out);
  const bases = (linear: Sides) => Math.ceil(smaller(linear) / rank);
  const linears = namedLinears(linearsOf(model), targets);
  const most = (of: (linear: Sides) => number) => Math.max(...linears.map(of));
  return {
    ...{ targetModules: targets, dropout: 0, made: () => 0, decomposing: null },
    count: (linear) => ({
      ...{ trained: bases(linear) * (rank + smaller(linear)), kept: 0, taken: 0 },
    }),
    perToken: () => ({ exact: 0, copied: 0 }),
    multipliedOut: {
      shared: rank * most(smaller) + most(larger) * rank * most(bases),
      factors: (linear) => bases(linear) * rank * (linear.in + linear.out),
    },
  };
}
