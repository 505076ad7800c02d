import type { ResolvedMethod } from './resolve.ts';

/** Bases whose frozen matrices are stored in fewer bits, whatever their settings. */
export const quantizedBases: readonly string[] = ['NF4', 'Int8', 'Int4', 'Integer', 'Mixed'];

/**
 * How trained matrices of the blocks are stored, if not densely: quantized to 8 bits in groups, or
 * as codes of codebooks. Both are dequantized where they are used.
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
 * Whether trained matrices of the blocks are stored quantized and dequantized where they are used.
 */
export function storesCodes(method: Pick<ResolvedMethod, 'base' | 'precision'>): boolean {
  return codedForm(method) !== null;
}
