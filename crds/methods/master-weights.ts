// How trained bfloat16 weights accept updates that are smaller than their precision.
import * as z from 'zod';
import type { ResolvedMethod } from './resolve.ts';

export const masterWeights = z
  .enum(['Float32', 'StochasticRounding'])
  .default('Float32')
  .describe(
    'How trained bfloat16 weights accept small updates. Float32 keeps master weights; StochasticRounding needs none.',
  );

/** Of the trained weights; null if they are float32 themselves. */
export function masterWeightsOf({
  precision,
}: Pick<ResolvedMethod, 'precision'>): 'Float32' | 'StochasticRounding' | null {
  switch (precision.type) {
    case 'BFloat16':
      return precision.bfloat16.masterWeights;
    case 'HALO':
      return precision.halo.masterWeights;
    case 'NVFP4':
      return precision.nvfp4.masterWeights;
    case 'MXFP4':
      return precision.mxfp4.masterWeights;
    case 'Float32':
      return null;
  }
}
