// Frozen weights as 4-bit integers in groups: w = (code - zero) * step. Asymmetric groups use all
// 16 values between their minimum and maximum; symmetric ones have zero in the middle.
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry } from './method.ts';

export const int4 = axisEntry({
  axis: 'base',
  type: 'Int4',
  member: 'int4',
  summary:
    'Linear layers of the blocks are stored as 4-bit integers, in groups; all else stays dense.',
  parameters: z.strictObject({
    groupSize: groupSize('method.base: int4.groupSize')
      .default(64)
      .describe(
        'Adjacent weights of a row that share one step and zero; must divide the inputs of each layer.',
      ),
    range: z
      .enum(['Asymmetric', 'Symmetric'])
      .default('Asymmetric')
      .describe(
        'Asymmetric: from the minimum to the maximum. Symmetric: the same range on both sides of 0.',
      ),
  }),
});
