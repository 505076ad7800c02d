// What held-out records say beside the loss, by the task: classes that are right, words that are
// wrong, pictures that are like their targets, boxes that lie over the right ones.
import type { Model } from '../../crds/api/model.ts';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { percent, real } from '../terminal/numbers.ts';
import { likenessWords } from './likeness-words.ts';
import { wordErrorWords } from './word-error-words.ts';

type Measured = Pick<TelemetryOf<'evaluation'>, 'accuracy' | 'likeness' | 'wordErrors' | 'overlap'>;

export type Task = NonNullable<Model['task']>;

const ofClasses: ReadonlySet<Task> = new Set([
  ...(['SequenceClassification', 'ImageClassification', 'ContrastiveImageText'] as const),
]);

/**
 * Of one evaluation, or of several in turn: `77.3 % right`, `WER 56.4 % → 3.1 %`. Undefined where
 * the loss says all: of language models and noise. Without a task, classes are not told from
 * tokens.
 */
export function taskFigure(all: readonly Measured[], task: Task | undefined): string | undefined {
  const each = <T>(of: (one: Measured) => T | undefined): readonly T[] | undefined => {
    const known = all.map(of).filter((one) => one !== undefined);
    return known.length === all.length ? known : undefined;
  };
  const likeness = each((one) => one.likeness);
  if (likeness !== undefined) return likenessWords(...likeness);
  const errors = each((one) => one.wordErrors);
  if (errors !== undefined) return wordErrorWords(...errors);
  const overlaps = each((one) => one.overlap);
  if (overlaps !== undefined) {
    return `mean IoU ${overlaps.map((one) => real(one, 3)).join(' → ')}`;
  }
  const right = each((one) => one.accuracy);
  if (right === undefined || task === undefined || !ofClasses.has(task)) return undefined;
  const shares = right.map((one) => (one === null ? real(null) : percent(one)));
  // A model that compares pictures with texts finds classes before it learned any.
  const [first, ...others] = shares;
  const zeroShot = task === 'ContrastiveImageText' && others.length > 0 ? ' zero-shot' : '';
  return `${[`${first}${zeroShot}`, ...others].join(' → ')} right`;
}
