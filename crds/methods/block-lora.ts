// Block-LoRA: Block Matrix based Low Rank Adaptation for CLIP-based Few-Shot Learning. The rank is
// parted into blocks, and all of them share the matrix that reads the input:
//   y = x W^T + s * drop(x) A^T (B_1 + ... + B_N)^T,   A: R/N x I, B_i: O x R/N, s = alpha / R
import * as z from 'zod';
import { rule } from '../schema/rule.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import { likeLora, type Sides } from './adapter-shapes.ts';

const paper = {
  title:
    'One Head Eight Arms: Block Matrix based Low Rank Adaptation for CLIP-based Few-Shot Learning',
  arxiv: '2501.16720',
} as const;

const usual = { rank: 16, blocks: 8 };

const parameters = rule(
  z.strictObject({
    rank: rankOf(usual.rank, 'Rank of all blocks together. Results have that of one.'),
    blocks: z
      .int32()
      .min(1)
      .max(64)
      .default(usual.blocks)
      .describe('Parts of the rank; must divide it.'),
    alpha,
    dropout,
    targetModules,
  }),
  {
    id: 'blockLora.blocks divides blockLora.rank',
    cel: `(has(self.rank) ? self.rank : ${usual.rank}) % (has(self.blocks) ? self.blocks : ${usual.blocks}) == 0`,
    // Also of what a job says, without defaults.
    check: ({ rank, blocks }: Partial<typeof usual>) =>
      (rank ?? usual.rank) % (blocks ?? usual.blocks) === 0,
    path: ['blocks'],
    message: 'must divide rank',
  },
);

export const blockLora = adapterEntry({
  type: 'BlockLoRA',
  member: 'blockLora',
  summary:
    'LoRA with one small matrix A for several matrices B, which are added up. A reconstruction.',
  paper,
  use: { goal: 'few trained parameters', words: 'several matrices B that share one A' },
  parameters,
  words: (own) => `Block-LoRA r=${own.rank} in ${own.blocks} blocks ${onLayers(own)}`,
  shape({ blocks, ...own }) {
    const rank = own.rank / blocks;
    return {
      ...likeLora({ ...own, rank }),
      count: (linear) => ({
        ...{ trained: rank * linear.in + own.rank * linear.out, kept: 0, taken: 0 },
      }),
      factors: (linear: Sides) => rank * (linear.in + linear.out),
      made: (linear) => rank * linear.out,
    };
  },
});

export const blockLoraPreset = adapterPreset(
  blockLora,
  'Low-rank adapters whose blocks share one matrix on all linear layers of a frozen dense model, with AdamW.',
);
