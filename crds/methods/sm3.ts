// SM3: Memory-Efficient Adaptive Optimization. Sums of squares for rows and columns of a matrix:
//   n = min(r, c) + g^2,   w -= lr * (g / sqrt(n + epsilon) + weightDecay * w)
// r and c become the largest n of their values.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry } from './method.ts';

export const sm3 = axisEntry({
  axis: 'optimizer',
  type: 'SM3',
  member: 'sm3',
  summary: 'Learning rates by sums of squares of rows and columns, for SpIEL.',
  paper: { title: 'Memory-Efficient Adaptive Optimization', arxiv: '1901.11150' },
  parameters: z.strictObject({
    epsilon: decimal({ above: 0 })
      .default('1e-8')
      .describe('Added to the sums, against division by 0.'),
    weightDecay: decimal({ min: 0 })
      .default('0')
      .describe('Decoupled weight decay, multiplied by the learning rate.'),
  }),
});
