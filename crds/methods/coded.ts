import type { ResolvedMethod } from './resolve.ts';

/** Whether trained matrices of the blocks are stored in codes of 8 bits, and made whole where they are used. */
export function storesCodes({ precision }: ResolvedMethod): boolean {
  return precision.type === 'BFloat16' && precision.bfloat16.trainedWeights === 'Int8';
}
