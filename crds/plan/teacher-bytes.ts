// Memory of what a teacher says: of a step, and until it is in a file.
import type { MemoryQuestion } from './memory-question.ts';

/** Target rows that a worker keeps until it writes them to a file. */
export const rowsOfTeacherFile = 16_384;

/** Bytes of a target row: an int32 and a float32 a token, and the float32 of all others. */
export function teacherRowBytes({ stages, facts }: MemoryQuestion): number {
  const count = Math.min(stages?.teacherTokens ?? 0, facts.V);
  return count === 0 ? 0 : 8 * count + 4;
}

/** What a step has of its teacher, from its first moment to its last. */
export function taughtBytes(question: MemoryQuestion): number {
  const { perWave, microBatchTokens, targetShare } = question;
  return perWave * microBatchTokens * targetShare * teacherRowBytes(question);
}

/** Copies of the logits at a time: on another device the loss is in operators of libtorch. */
export function copiesOfLogits({ stages, device }: MemoryQuestion): number {
  return stages?.teacherTokens !== undefined && device.type === 'cuda' ? 4 : 1;
}
