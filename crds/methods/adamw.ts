// Decoupled Weight Decay Regularization. Adam with moments m, v of gradient and square, and decay
// apart from them:
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
    .describe('How much of the moments of gradient and square is kept at each step.'),
  epsilon: decimal({ above: 0 })
    .default('1e-8')
    .describe('Added to the root, against division by 0.'),
  weightDecay: decimal({ min: 0 })
    .default('0')
    .describe('Share of a weight, times the learning rate, that is taken away at each step.'),
});

const paper = { title: 'Decoupled Weight Decay Regularization', arxiv: '1711.05101' } as const;

export const adamW = axisEntry({
  axis: 'optimizer',
  type: 'AdamW',
  member: 'adamW',
  summary: 'Adam with decoupled weight decay, state in float32: 8 bytes a trained parameter.',
  paper,
  parameters: adamParameters.extend({
    moments: z
      .enum(['Float32', 'BFloat16'])
      .optional()
      .describe(
        'How the moments are stored; Float32 when absent. BFloat16 takes 4 bytes a parameter instead of 8, and is rounded up or down at random, so that small changes are not lost.',
      ),
  }),
});
