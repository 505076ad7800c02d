// How near an answer is to its reference: the overlap of their words as SQuAD counts it (F1), which
// also says something of answers that are not equal.
import { TerminalError } from '../../crds/failures/errors.ts';
import type { ComparisonRecord, Score } from '../../crds/wire/transfer.ts';

/** Harmonic mean of the shares of words that each has of the other; 1 for two equal texts. */
export function overlapOf(answer: string, reference: string): number {
  if (answer === reference) return 1;
  const [own, wanted] = [wordsOf(answer), wordsOf(reference)];
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of own) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  return shared === 0 ? 0 : (2 * shared) / (own.length + wanted.length);
}

interface Answered {
  /** Null where it did not end. */
  readonly answer: string | null;
  readonly reference: string;
}

export function scoreOf(answered: readonly Answered[]): Score {
  const mean = (of: (one: Answered) => number): number =>
    answered.reduce((sum, one) => sum + of(one), 0) / answered.length;
  return {
    overlap: mean(({ answer, reference }) => (answer === null ? 0 : overlapOf(answer, reference))),
    exact: mean(({ answer, reference }) => Number(answer === reference)),
  };
}

/** Why the new adapter is not published; null where it is good enough. */
export function refusalOf(
  { teacher, student, relative, prompts, on }: Omit<ComparisonRecord, 'version'>,
  minRelative: number,
): TerminalError | null {
  if (relative === undefined || relative >= minRelative) return null;
  const where = on === 'Tests' ? 'spec.gate.tests' : 'held-out prompts';
  return new TerminalError({
    code: 'E_EVALUATION_GATE',
    message: `on ${prompts} ${where} the new adapter scores ${student.overlap.toFixed(3)} and the old one ${teacher.overlap.toFixed(3)}: ${relative.toFixed(3)} of it; spec.gate.minRelative is ${minRelative}; nothing was published`,
    hint: 'raise spec.samples or the steps of the job, or lower spec.gate.minRelative',
  });
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
