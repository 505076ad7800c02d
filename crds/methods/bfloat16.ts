import * as z from 'zod';
import { masterWeights } from './master-weights.ts';
import { axisEntry } from './method.ts';

/** Linear layers in bfloat16, sums in float32. */
export const bfloat16 = axisEntry({
  axis: 'precision',
  type: 'BFloat16',
  member: 'bfloat16',
  summary: 'Linear layers compute in bfloat16 and add up in float32.',
  parameters: z.strictObject({
    masterWeights,
    trainedWeights: z
      .enum(['BFloat16', 'Int8'])
      .optional()
      .describe(
        'How matrices of the blocks are stored while they train; BFloat16 when absent. Int8 keeps codes of 8 bits with a scale for up to 256 of them, rounds each update up or down at random, and keeps no second copy of them.',
      ),
  }),
});
