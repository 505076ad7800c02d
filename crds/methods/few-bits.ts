// Precisions whose products have operands in few bits.
import type { ResolvedMethod } from './resolve.ts';

/** Their types on the axis `precision`. */
export const fewBits = ['HALO', 'NVFP4', 'MXFP4'] as const;

export function hasFewBits({ precision }: Pick<ResolvedMethod, 'precision'>): boolean {
  return fewBits.some((type) => type === precision.type);
}

interface Fp4 {
  readonly format: 'NVFP4' | 'MXFP4';
  readonly bfloat16Blocks?: number | undefined;
}

/** Products in 4 bits; null for others. */
export function fp4Of(precision: ResolvedMethod['precision']): Fp4 | null {
  if (precision.type === 'NVFP4') return { format: precision.type, ...precision.nvfp4 };
  return precision.type === 'MXFP4' ? { format: precision.type, ...precision.mxfp4 } : null;
}

/** How many of the blocks, the last ones, stay in bfloat16. */
export function plainBlocks(
  { bfloat16Blocks }: Pick<Fp4, 'bfloat16Blocks'>,
  blocks: number,
): number {
  return Math.min(blocks, bfloat16Blocks ?? Math.floor(blocks / 8));
}
