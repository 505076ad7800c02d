// How many adjacent weights of a row share one scale where weights are quantized.
import * as z from 'zod';
import { rule } from '../schema/rule.ts';

export const groupSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096] as const;

/** A field for it; `path` names its rule, as `method.base: nf4.blockSize`. */
export function groupSize(path: string): z.ZodInt32 {
  return rule(z.int32().min(32).max(4096), {
    id: `${path} is a power of two`,
    cel: `self in [${groupSizes.join(', ')}]`,
    check: (self) => groupSizes.some((size) => size === self),
    message: 'must be a power of two from 32 to 4096',
  });
}
