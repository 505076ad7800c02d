// Parameters of products in 4 bits, whatever the format.
import * as z from 'zod';
import { masterWeights } from './master-weights.ts';

export const fp4Fields = z.strictObject({
  bfloat16Blocks: z
    .int32()
    .min(0)
    .max(1024)
    .optional()
    .describe('Last blocks that stay in bfloat16; when absent an eighth of all, rounded down.'),
  masterWeights,
});
