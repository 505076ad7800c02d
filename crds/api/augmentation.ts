// How pictures are changed each time they are trained on.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { rule } from '../schema/rule.ts';

const fields = z.strictObject({
  cropArea: decimal({ above: 0, below: 1 })
    .optional()
    .describe(
      'A part is drawn of each picture, from this share of its area to all, and resized to the whole.',
    ),
  flip: z.enum(['Horizontal']).optional().describe('Half of the pictures are mirrored, as drawn.'),
});

export const augmentation = rule(fields, {
  id: 'dataset.augmentation changes pictures',
  cel: 'has(self.cropArea) || has(self.flip)',
  check: ({ cropArea, flip }) => cropArea !== undefined || flip !== undefined,
  message: 'changes nothing: cropArea, flip or both must be set',
  hint: 'set cropArea: "0.08" and flip: Horizontal, or leave augmentation out',
});
