// LoRA-SB: Initialization using Update Approximation is a Silver Bullet for Extremely Efficient
// Low-Rank Fine-Tuning. LoRA-XS that begins after the first step of full fine-tuning:
//   -rate * sign(G) ~ U S V^T      y = x W^T + x V_R R^T U_R^T,   R = diag(S_R) at first
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { byRank, directions, rankOf, targetModules } from './adapter-fields.ts';
import { betweenFixed, decomposedBy } from './adapter-shapes.ts';

const paper = {
  title:
    'Initialization using Update Approximation is a Silver Bullet for Extremely Efficient Low-Rank Fine-Tuning',
  arxiv: '2411.19557',
} as const;

export const loraSb = adapterEntry({
  type: 'LoRASB',
  member: 'loraSb',
  summary:
    'Trains a square matrix of the rank between fixed factors of what the first step of full fine-tuning would change.',
  paper,
  use: { goal: 'few trained parameters', words: 'the same, begun with a step of full tuning' },
  parameters: z.strictObject({
    rank: rankOf(
      64,
      'Rank: size of the trained matrix. A layer with a smaller side takes that instead.',
    ),
    directions,
    targetModules,
  }),
  words: (own) => byRank('LoRA-SB', own),
  shape: (own) =>
    betweenFixed(own, decomposedBy(own.directions), (rank) => ({ trained: rank * rank, kept: 0 })),
  readsGradient: true,
});

export const loraSbPreset = adapterPreset(
  loraSb,
  'A trained square matrix between factors of the first step of full fine-tuning, with AdamW: far fewer parameters than LoRA.',
);
