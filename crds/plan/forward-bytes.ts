// What a block takes while it runs forward without a tape, beside its input.
import { madeMatrices } from './block-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';

export function forwardWorking(
  { facts, method }: Pick<MemoryQuestion, 'facts' | 'method'>,
  tokens: number,
): number {
  const { forward } = memoryConstants.working;
  const { H, NH, NK, D, I } = facts;
  const values =
    forward.H * H + forward.headsD * NH * D + forward.keyValueD * NK * D + forward.I * I;
  return tokens * valueBytes(method) * values + madeMatrices(facts, method);
}
