// IncreLoRA: Incremental Parameter Allocation Method for Parameter-Efficient Fine-tuning. LoRA
// whose layers begin with one rank each and get more while they train:
//   y = x W^T + s * ((drop(x) A^T) * e) B^T,   A: M x I, e: M, B: O x M, s = alpha / R
// M: the most ranks of a layer, R: their mean once ranks have grown. e of ranks that are not live
// is zero, and a small number for the next ones.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { dropout, onLayers, targetModules } from './adapter-fields.ts';
import { withDiagonal } from './adapter-shapes.ts';

const paper = {
  title: 'IncreLoRA: Incremental Parameter Allocation Method for Parameter-Efficient Fine-tuning',
  arxiv: '2308.12043',
} as const;

const steps = z.int32().min(1).max(1_000_000);

const parameters = z.strictObject({
  rank: z
    .int32()
    .min(2)
    .max(1024)
    .default(8)
    .describe('The mean rank of a layer once ranks have grown. Each layer begins with one.'),
  maxRank: z
    .int32()
    .min(2)
    .max(1024)
    .optional()
    .describe('The most ranks of a layer, for which there is memory. Twice the rank when absent.'),
  increment: z
    .int32()
    .min(1)
    .max(1023)
    .optional()
    .describe('Ranks that a layer gets at once. Half the rank when absent.'),
  intervalSteps: steps
    .default(10)
    .describe('Steps after which layers get ranks, until all ranks are given away.'),
  layersPerEvent: z
    .int32()
    .min(1)
    .max(100_000)
    .optional()
    .describe(
      'Layers that get ranks then. When absent, as many as give all ranks away in half of the steps.',
    ),
  warmupSteps: steps
    .optional()
    .describe(
      'Steps in which the learning rate of new ranks rises to that of others. intervalSteps when absent.',
    ),
  orthogonality: decimal({ min: 0 })
    .default('0.1')
    .describe('Part of the loss: this times the mean distance of both matrices from orthonormal.'),
  alpha: decimal({ above: 0 })
    .optional()
    .describe('The product is multiplied by alpha / rank. 16 times the rank when absent.'),
  dropout,
  targetModules,
});

type Own = z.output<typeof parameters>;

export const increLora = adapterEntry({
  type: 'IncreLoRA',
  member: 'increLora',
  summary: 'LoRA that begins with rank 1, and gives more ranks to the layers that matter most.',
  paper,
  use: { goal: 'ranks that follow from training', words: 'more ranks where they matter most' },
  parameters,
  words: (own) => `IncreLoRA r=1 to ${mostRanks(own)}, ${own.rank} on average, ${onLayers(own)}`,
  shape: (own) => withDiagonal({ ...own, rank: mostRanks(own) }),
  // Ranks are rows of A, columns of B and values between them.
  updatesMatrices: true,
});

export const increLoraPreset = adapterPreset(
  increLora,
  'Low-rank adapters on a dense model that begin with rank 1 and grow where the loss depends on them most, with AdamW.',
);

/** The scale of the release at the first rank of a layer. */
export function alphaOfGrown({ rank, alpha }: Pick<Own, 'rank' | 'alpha'>): string {
  return alpha ?? String(16 * rank);
}

type Ranks = Pick<Own, 'rank' | 'maxRank' | 'increment'>;

/** Ranks that a layer gets at once. */
export function incrementOf({ rank, increment }: Ranks): number {
  return increment ?? Math.ceil(rank / 2);
}

/** The most ranks of a layer that are allowed. */
export function maxRankOf({ rank, maxRank }: Ranks): number {
  return maxRank ?? 2 * rank;
}

/** The most ranks that a layer can come to: one, and whole increments. */
export function mostRanks(own: Ranks): number {
  const increment = incrementOf(own);
  return 1 + increment * Math.floor((maxRankOf(own) - 1) / increment);
}
