// Frozen weights as whole numbers of 8 bits: w = code * absmax / 127, one absmax a row, or one for
// a group of its values.
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry } from './method.ts';

export const int8 = axisEntry({
  axis: 'base',
  type: 'Int8',
  member: 'int8',
  summary:
    'Linear layers of the blocks are stored in 8-bit whole numbers; embeddings, head and norms stay dense.',
  parameters: z.strictObject({
    groupSize: groupSize('int8.groupSize')
      .optional()
      .describe(
        'Neighbours of a row that share one scale; it must divide the inputs of each layer. The whole row when absent.',
      ),
  }),
});
