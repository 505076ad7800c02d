// Bytes of pictures while they are tokens: what a vision transformer reads beside its stream.
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';

/**
 * Of `tokens` that exist at once: patches in the type of the model, and on a processor the float32
 * values that they were made of, which the loader still holds. None of texts.
 */
export function pictureBytes(
  { facts, method, device }: Pick<MemoryQuestion, 'facts' | 'method' | 'device'>,
  tokens: number,
): number {
  if (facts.kind !== 'vision') return 0;
  const ofLoader = device.type === 'cpu' ? 4 : 0;
  return tokens * facts.patch * (valueBytes(method) + ofLoader);
}
