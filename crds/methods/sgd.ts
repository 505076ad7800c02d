import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry } from './method.ts';

/** w -= lr * u,  u = momentum * u + g + weightDecay * w */
export const sgd = axisEntry({
  axis: 'optimizer',
  type: 'SGD',
  member: 'sgd',
  summary: 'Stochastic gradient descent; without momentum it keeps no state.',
  parameters: z.strictObject({
    momentum: decimal({ min: 0, below: 1 }).default('0').describe('Share of the last update kept.'),
    weightDecay: decimal({ min: 0 }).default('0').describe('Pull of weights towards 0.'),
  }),
});
