// MixLoRA: Enhancing Large Language Models Fine-Tuning with LoRA-based Mixture of Experts. Each MLP
// has N experts, which are LoRAs of its layers, and a router that sends each token to k of them:
//   p = softmax(x Wr^T),   S: the k largest,   w = p_S / sum of p_S
//   y = sum over e in S of w_e MLP_e(x),       MLP_e: each layer becomes W + s * B_e A_e
// Attention has LoRA. The loss has a term that keeps the experts in balance.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { alpha, dropout, onLayers, rankOf, targetModules } from './adapter-fields.ts';
import { ofExperts } from './expert-shape.ts';

const paper = {
  title: 'MixLoRA: Enhancing Large Language Models Fine-Tuning with LoRA-based Mixture of Experts',
  arxiv: '2404.15159',
} as const;

export const mixLora = adapterEntry({
  type: 'MixLoRA',
  member: 'mixLora',
  summary:
    'Several LoRA experts in each MLP, of which a router chooses some for each token; attention has LoRA. There is no merged result.',
  paper,
  use: { goal: 'more than one adapter a layer', words: 'experts in MLPs, chosen for each token' },
  parameters: z.strictObject({
    rank: rankOf(16, 'Rank: inner dimension of the two matrices of each expert, and of attention.'),
    alpha,
    dropout,
    numExperts: z.int32().min(1).max(256).default(8).describe('Experts of each MLP.'),
    topK: z.int32().min(1).max(64).default(2).describe('Experts that each token goes to.'),
    routerAuxLossCoef: decimal({ min: 0, max: 1000 })
      .default('0.01')
      .describe('Weight of the term of the loss that keeps the experts in balance.'),
    targetModules,
  }),
  words: (own) =>
    `MixLoRA r=${own.rank}, ${own.topK} of ${own.numExperts} experts, ${onLayers(own)}`,
  shape: ofExperts,
});

export const mixLoraPreset = adapterPreset(
  mixLora,
  'A mixture of LoRA experts in each MLP and LoRA on attention of a frozen dense model, with AdamW.',
);
