// What a block takes while it runs forward without a tape, beside its input.
import { madeMatrices, units } from './block-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';

export function forwardWorking(
  { facts, method }: Pick<MemoryQuestion, 'facts' | 'method'>,
  tokens: number,
): number {
  const { forward } = memoryConstants.working[facts.kind];
  return tokens * valueBytes(method) * units(facts, forward) + madeMatrices(facts, method);
}
