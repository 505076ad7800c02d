// LoRA-GGPO: in training steps alone, weights beside an adapter have noise, the more the larger
// their rows and the gradients of these are:
//   W + rho N    rho_i = (sigma sqrt(|W_i|^2 + |dW_i|^2) + beta |g_i|^2) / sqrt(rows)
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { besideDense } from './adapter-entry.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'LoRA-GGPO: Mitigating Double Descent in LoRA Fine-Tuning via Gradient-Guided Perturbation Optimization',
  arxiv: '2502.14538',
} as const;

export const ggpo = axisEntry({
  axis: 'rule',
  type: 'GGPO',
  member: 'ggpo',
  summary:
    "Adds noise to the weights beside an adapter in training steps alone, for flatter minima: rows have it by their norms and by those of their gradients. A reconstruction: the authors' code cannot be had.",
  paper,
  parameters: z.strictObject({
    sigma: decimal({ min: 0, max: 1000 })
      .default('0.03')
      .describe('Size of the noise for the norm of a row.'),
    beta: decimal({ min: 0, max: 1000 })
      .default('0.01')
      .describe(
        'Size of the noise for the squared norm of the gradient of a row, of the last step.',
      ),
  }),
  words: ({ sigma, beta }) => `noise of weights by GGPO, sigma=${sigma} beta=${beta}`,
});

export const loraGgpoPreset = {
  preset: 'LoRAGGPO',
  summary: 'LoRA whose frozen weights have noise in training steps, for flatter minima.',
  axes: {
    ...besideDense({ type: 'LoRA', lora: { rank: 16, alpha: '32' } }),
    rule: { type: 'GGPO' },
  },
  paper,
} as const satisfies Preset;
