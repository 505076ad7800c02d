// LoRA: Low-Rank Adaptation of Large Language Models. Freezes W and trains a product of two thin
// matrices beside it:
//   y = x W^T + s * drop(x) A^T B^T,   A: R x I, B: O x R
//   s = alpha / R, or alpha / sqrt(R) (rank-stabilized)
// A starts random, B at zero, so that the first step sees the base model unchanged.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import { likeLora } from './adapter-shapes.ts';

const paper = {
  title: 'LoRA: Low-Rank Adaptation of Large Language Models',
  arxiv: '2106.09685',
} as const;

export const lora = adapterEntry({
  type: 'LoRA',
  member: 'lora',
  summary:
    'Trains a low-rank product beside each chosen linear layer; the model itself stays frozen.',
  paper,
  use: { goal: 'to begin with', words: 'every server of adapters loads its result' },
  parameters: z.strictObject({
    rank: rankOf(16, 'Rank: inner dimension of the two matrices.'),
    alpha,
    dropout,
    targetModules,
    scaling: z
      .enum(['Standard', 'RankStabilized'])
      .default('Standard')
      .describe('Standard divides alpha by the rank, RankStabilized by its square root.'),
    learningRateRatio: decimal({ above: 0, max: 1000 })
      .default('1')
      .describe('LoRA+: learning rate of B over that of A.'),
    initialization: z
      .enum(['KaimingUniform', 'Gaussian', 'Both'])
      .default('KaimingUniform')
      .describe('Of A; B is zero. Both: A and B normal with deviation 0.02, as in LoRAT.'),
  }),
  words(own) {
    const name = Number(own.learningRateRatio) === 1 ? 'LoRA' : 'LoRA+';
    const stabilized = own.scaling === 'RankStabilized' ? ' rank-stabilized' : '';
    return `${name} r=${own.rank}${stabilized} ${onLayers(own)}`;
  },
  shape: (own) => likeLora(own),
  trainsFactors: true,
  takesConvolutions: true,
});

export const loraPreset = adapterPreset(
  lora,
  'Low-rank adapters on all linear layers of a frozen dense model, with AdamW.',
);
