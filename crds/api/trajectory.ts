// How pictures are made of noise, where a job makes some.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';

export const trajectory = z.strictObject({
  steps: z.int32().min(1).max(1000).default(20).describe('Denoising steps of a trajectory.'),
  guidance: decimal({ min: 0, max: 100 })
    .default('1.5')
    .describe('Classifier-free guidance; 1 for none.'),
});

export type TrajectoryFields = z.output<typeof trajectory>;
