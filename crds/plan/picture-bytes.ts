// Bytes of pictures while they are tokens: what is read of them beside the stream.
import type { MemoryQuestion } from './memory-question.ts';
import { areOfPatches } from './model-facts.ts';
import { valueBytes } from './static-bytes.ts';

/**
 * Of `tokens` that exist at once: patches in the type of the model, and on a processor the float32
 * values that they were made of, which the loader still holds. None of texts.
 */
export function pictureBytes(
  { facts, method, device }: Pick<MemoryQuestion, 'facts' | 'method' | 'device'>,
  tokens: number,
): number {
  if (facts.kind === 'diffusion') {
    // With noise, and the noise in float32; of the loader the picture too, once more while packed.
    const ofLoader = device.type === 'cpu' ? 4 * 4 : 0;
    return tokens * facts.values * (valueBytes(method) + 4 + ofLoader);
  }
  if (!areOfPatches(facts) && facts.kind !== 'imageText') return 0;
  const ofLoader = device.type === 'cpu' ? 4 : 0;
  return tokens * facts.patch * (valueBytes(method) + ofLoader);
}
