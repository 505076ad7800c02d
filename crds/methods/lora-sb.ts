// LoRA-SB: Initialization using Update Approximation is a Silver Bullet for Extremely Efficient
// Low-Rank Fine-Tuning. LoRA-XS that begins after the first step of full fine-tuning:
//   -rate * sign(G) ~ U S V^T      y = x W^T + x V_R R^T U_R^T,   R = diag(S_R) at first
import * as z from 'zod';
import { directions, rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'Initialization using Update Approximation is a Silver Bullet for Extremely Efficient Low-Rank Fine-Tuning',
  arxiv: '2411.19557',
} as const;

export const loraSb = axisEntry({
  axis: 'adapter',
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
});

export const loraSbPreset = {
  preset: 'LoRASB',
  summary:
    'A trained square matrix between factors of the first step of full fine-tuning, with AdamW: far fewer parameters than LoRA.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'LoRASB' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
