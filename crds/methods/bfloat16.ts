import * as z from 'zod';
import { masterWeights } from './master-weights.ts';
import { axisEntry } from './method.ts';

/** Linear layers in bfloat16, accumulated in float32. */
export const bfloat16 = axisEntry({
  axis: 'precision',
  type: 'BFloat16',
  member: 'bfloat16',
  summary: 'Linear layers compute in bfloat16 and accumulate in float32.',
  parameters: z.strictObject({
    masterWeights,
    trainedWeights: z
      .enum(['BFloat16', 'Int8'])
      .optional()
      .describe(
        'Type of the trained matrices of the blocks; BFloat16 when absent. Int8 quantizes them to 8 bits with a scale for up to 256 values, applies updates with stochastic rounding, and keeps no master weights.',
      ),
  }),
});
