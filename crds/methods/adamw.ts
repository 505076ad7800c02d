// Decoupled Weight Decay Regularization. Adam with moments m, v of the gradient and its square, and
// weight decay apart from them:
//   w -= lr * (m^ / (sqrt(v^) + epsilon) + weightDecay * w)
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry } from './method.ts';

const beta = decimal({ min: 0, below: 1 });

export const adamParameters = z.strictObject({
  betas: z
    .array(beta)
    .min(2)
    .max(2)
    .default(['0.9', '0.999'])
    .describe('Decay rates of the first and second moments.'),
  epsilon: decimal({ above: 0 })
    .default('1e-8')
    .describe('Added to the denominator, against division by 0.'),
  weightDecay: decimal({ min: 0 })
    .default('0')
    .describe('Decoupled weight decay, multiplied by the learning rate.'),
});

const paper = { title: 'Decoupled Weight Decay Regularization', arxiv: '1711.05101' } as const;

export const adamW = axisEntry({
  axis: 'optimizer',
  type: 'AdamW',
  member: 'adamW',
  summary: 'Adam with decoupled weight decay, moments in float32: 8 bytes per trained parameter.',
  paper,
  parameters: adamParameters.extend({
    moments: z
      .enum(['Float32', 'BFloat16'])
      .optional()
      .describe(
        'Type of the moments; Float32 when absent. BFloat16 takes 4 bytes per parameter instead of 8, with stochastic rounding, so that small changes are not lost.',
      ),
  }),
  words: ({ moments }) => (moments === 'BFloat16' ? 'AdamW with bfloat16 moments' : 'AdamW'),
});
