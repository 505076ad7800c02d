import type { ModelHeaders } from './describe-model.ts';

/** Values that the files store in bfloat16: plans count two bytes for each that stays frozen. */
export function storedBfloat16({ tensors }: ModelHeaders): number {
  const stored = [...tensors.values()].filter(({ type }) => type === 'BF16');
  return stored.reduce((sum, { begin, end }) => sum + (end - begin) / 2, 0);
}
