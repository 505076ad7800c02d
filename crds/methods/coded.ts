import type { ResolvedMethod } from './resolve.ts';

/**
 * How trained matrices of the blocks are stored where that is not as their values: codes of 8 bits
 * in groups, or codes into codebooks. Both are made whole where they are used.
 */
export function codedForm({
  base,
  precision,
}: Pick<ResolvedMethod, 'base' | 'precision'>): 'Groups' | 'Codebook' | null {
  if (base.type === 'Codebook') return 'Codebook';
  const inInt8 = precision.type === 'BFloat16' && precision.bfloat16.trainedWeights === 'Int8';
  return inInt8 ? 'Groups' : null;
}

/**
 * Whether trained matrices of the blocks are stored in codes, and made whole where they are used.
 */
export function storesCodes(method: Pick<ResolvedMethod, 'base' | 'precision'>): boolean {
  return codedForm(method) !== null;
}
