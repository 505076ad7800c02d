// A base that nobody trains, as an inference process holds it.
import { resolveMethod } from '../methods/resolve.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';

export interface BaseFacts {
  readonly facts: ModelFacts;
  /** Values that its files have in bfloat16. */
  readonly storedBfloat16: number;
}

export function frozenQuestion(
  { facts, storedBfloat16 }: BaseFacts,
  type: 'Float32' | 'BFloat16',
  device: MemoryQuestion['device'],
) {
  return {
    ...{ facts, storedBfloat16, device },
    method: resolveMethod({ preset: 'NoTraining', precision: { type } }),
    ...{ microBatchTokens: 1, perWave: 1, waves: 1, shards: 1, targetShare: 1 },
    ...{ clip: 'None', recomputation: 'None' },
  } as const satisfies MemoryQuestion;
}
