// What several workers cannot share yet, in words.
import { UserError } from '../errors.ts';
import { storesCodes } from '../methods/coded.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';

/** Throws where the method has no way to be spread over so many workers. */
export function requireShareable(method: ResolvedMethod, workers: number): void {
  if (workers === 1) return;
  if (method.precision.type === 'HALO') {
    throw new UserError({
      code: 'E_INCOMPATIBLE_METHOD',
      path: 'spec.method.precision.type',
      value: 'HALO',
      message: `each worker would hold codes of all weights, which ${workers} workers cannot share out yet`,
      hint: 'use one worker, or spec.method.precision: { type: BFloat16 }',
    });
  }
  if (!storesCodes(method)) return;
  throw new UserError({
    code: 'E_INCOMPATIBLE_METHOD',
    path: 'spec.method.precision.bfloat16.trainedWeights',
    value: 'Int8',
    message: `the trained weights are stored as codes of 8 bits, which ${workers} workers cannot share out yet`,
    hint: 'use one worker, or another value of spec.method.precision.bfloat16.trainedWeights',
  });
}
