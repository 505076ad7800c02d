// Frozen weights as whole numbers of 4 bits in groups: w = (code - zero) * step. Asymmetric groups
// spend all 16 codes between their smallest and largest value; symmetric ones have zero in the
// middle.
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry } from './method.ts';

export const int4 = axisEntry({
  axis: 'base',
  type: 'Int4',
  member: 'int4',
  summary:
    'Linear layers of the blocks are stored in 4-bit whole numbers, in groups; embeddings, head and norms stay dense.',
  parameters: z.strictObject({
    groupSize: groupSize('int4.groupSize')
      .default(64)
      .describe(
        'Neighbours of a row that share one step and zero; it must divide the inputs of each layer.',
      ),
    range: z
      .enum(['Asymmetric', 'Symmetric'])
      .default('Asymmetric')
      .describe(
        'Asymmetric: from the smallest to the largest value. Symmetric: as far on both sides of 0.',
      ),
  }),
});
