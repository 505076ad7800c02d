// LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters. Trains a small square
// matrix between two fixed factors of each weight:
//   y = x W^T + x A^T R^T B^T,   A: R x I, B: O x R from the singular vectors of W, R: R x R
import * as z from 'zod';
import { rankOf, targetModules } from './adapter-fields.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters',
  arxiv: '2405.17604',
} as const;

export const loraXs = axisEntry({
  axis: 'adapter',
  type: 'LoRAXS',
  member: 'loraXs',
  summary:
    'Trains a square matrix of the rank between the fixed singular vectors of each chosen weight.',
  paper,
  use: { goal: 'few trained parameters', words: 'a square matrix between singular vectors' },
  parameters: z.strictObject({
    rank: rankOf(
      64,
      'Rank: size of the trained matrix. A layer with a smaller side takes that instead.',
    ),
    targetModules,
  }),
});

export const loraXsPreset = {
  preset: 'LoRAXS',
  summary:
    'A trained square matrix between the singular vectors of each frozen weight, with AdamW: far fewer parameters than LoRA.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'LoRAXS' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
