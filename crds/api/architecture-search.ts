// How operations and bits of a network are searched (QuantNAS).
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';

export const architectureSearch = z.strictObject({
  warmupSteps: z
    .int32()
    .min(0)
    .describe('Steps in which weights train alone; then weights and choices take turns.'),
  learningRate: decimal({ above: 0 }).describe('Peak learning rate of the choices.'),
  penalty: decimal({ min: 0 })
    .default('1e-3')
    .describe('Added to the loss: this times the expected BitOps, over those of equal choices.'),
  entropy: decimal({ min: 0 })
    .default('1e-3')
    .describe('Added to the loss at the end: this times the entropy of the choices.'),
  surrogate: z
    .enum(['Noise', 'Rounding'])
    .default('Noise')
    .describe('What is computed for rounded values: noise as wide as a step, or these.'),
});
