// What a network that restores pictures sees of them: parts, made worse.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { exactlyOne } from '../schema/union.ts';

const degradation = exactlyOne(
  z.strictObject({
    noise: z.int32().min(1).max(255).optional().describe('Gaussian: its deviation, out of 255.'),
    blur: decimal({ above: 0, max: 16 })
      .optional()
      .describe('Through a Gaussian filter: its deviation, in pixels.'),
    jpeg: z.int32().min(1).max(95).optional().describe('As a JPEG of this quality.'),
    downUp: z
      .int32()
      .min(2)
      .max(8)
      .optional()
      .describe('Smaller by this factor and as large again, bicubic.'),
  }),
  'restoration.degradations: an entry has one',
  ['noise', 'blur', 'jpeg', 'downUp'],
);

/** Where a job says nothing. */
export const usualCrop = 48;

export const restoration = z.strictObject({
  crop: z
    .int32()
    .min(8)
    .max(512)
    .default(usualCrop)
    .describe(
      'Edge of the parts of pictures that are trained on, in pixels that the network sees.',
    ),
  degradations: z
    .array(degradation)
    .max(8)
    .default([])
    .describe('What is done to a part, after it was made smaller by the scale of the network.'),
  order: z
    .enum(['AsListed', 'Random'])
    .default('AsListed')
    .describe('Random: one to three of them for each sample, drawn, in an order that is drawn.'),
});
export type Restoration = z.output<typeof restoration>;
