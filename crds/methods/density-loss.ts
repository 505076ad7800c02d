// DEFT's density loss: a second term of the loss that lowers how many of the values between the two
// halves of each MLP are in use. With h = act(gate) * up, the input of `down_proj`:
//   L = L_task + w * mean over blocks, tokens and units of h^2 / (h^2 + eps)
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { besideDense } from './adapter-entry.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'From PEFT to DEFT: Parameter Efficient Finetuning for Reducing Activation Density',
  arxiv: '2402.01911',
} as const;

export const densityLoss = axisEntry({
  axis: 'rule',
  type: 'DensityLoss',
  member: 'densityLoss',
  summary:
    'A second term of the loss counts, smoothly, the activations of the MLPs that are not zero; each step reports it, and their density.',
  paper,
  parameters: z.strictObject({
    weight: decimal({ above: 0, max: 1_000_000 })
      .default('1')
      .describe('Weight of the term beside the loss of the task.'),
    epsilon: decimal({ above: 0, max: 1000 })
      .default('1e-7')
      .describe(
        'Square of the activation that counts as a half; much larger ones count as one, and are hardly pulled.',
      ),
  }),
  words: ({ weight }) => `density loss of weight ${weight}`,
});

export const deftPreset = {
  preset: 'DEFT',
  summary: 'LoRA with a second term of the loss that lowers the density of activations.',
  axes: {
    ...besideDense({ type: 'LoRA', lora: { rank: 8, alpha: '16' } }),
    rule: { type: 'DensityLoss' },
  },
  paper,
} as const satisfies Preset;
