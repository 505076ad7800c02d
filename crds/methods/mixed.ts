// A form of its own for each matrix, chosen once so that the model is within a budget of bits and
// what quantizing loses is least: the mixed quantization of LQ-LoRA.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry } from './method.ts';

export const mixed = axisEntry({
  axis: 'base',
  type: 'Mixed',
  member: 'mixed',
  summary:
    'Linear layers of the blocks are stored in 2, 3, 4 or 8 bits, each in the form that loses least of all within an average; with LQLoRA.',
  parameters: z.strictObject({
    averageBits: decimal({ above: 2, max: 9 })
      .default('3.25')
      .describe('Bits of a weight at most, on average over the linear layers, with scales.'),
  }),
  words: ({ averageBits }) => `${averageBits} bits`,
});
