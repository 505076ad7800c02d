// Frozen weights as 8-bit integers: w = code * absmax / 127, with one absmax per row, or per group
// of its values.
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry } from './method.ts';

export const int8 = axisEntry({
  axis: 'base',
  type: 'Int8',
  member: 'int8',
  summary: 'Linear layers of the blocks are stored as 8-bit integers; all else stays dense.',
  parameters: z.strictObject({
    groupSize: groupSize('method.base: int8.groupSize')
      .optional()
      .describe(
        'Adjacent weights of a row that share one scale; must divide the inputs of each layer. The whole row when absent.',
      ),
  }),
});
