import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry } from './method.ts';

/** w -= lr * u,  u = momentum * u + g + weightDecay * w */
export const sgd = axisEntry({
  axis: 'optimizer',
  type: 'SGD',
  member: 'sgd',
  summary: 'Stochastic gradient descent; without momentum it has no state.',
  parameters: z.strictObject({
    momentum: decimal({ min: 0, below: 1 })
      .default('0')
      .describe('Fraction of the last update that is kept.'),
    weightDecay: decimal({ min: 0 }).default('0').describe('Weight decay, added to the gradient.'),
  }),
});
