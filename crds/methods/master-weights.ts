// How trained bfloat16 weights take updates that are smaller than their steps.
import * as z from 'zod';
import type { ResolvedMethod } from './resolve.ts';

export const masterWeights = z
  .enum(['Float32', 'StochasticRounding'])
  .default('Float32')
  .describe(
    'How trained bfloat16 weights take small updates. Float32 keeps a second copy; StochasticRounding rounds at random, without one.',
  );

/** Of the method's trained weights; null where they are float32 themselves. */
export function masterWeightsOf({
  precision,
}: Pick<ResolvedMethod, 'precision'>): 'Float32' | 'StochasticRounding' | null {
  switch (precision.type) {
    case 'BFloat16':
      return precision.bfloat16.masterWeights;
    case 'HALO':
      return precision.halo.masterWeights;
    case 'Float32':
      return null;
  }
}
