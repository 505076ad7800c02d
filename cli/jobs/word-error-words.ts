// How much of what is said is written down otherwise, in words.
import type { WordErrors } from '../../crds/wire/word-errors.ts';
import { percent } from '../terminal/numbers.ts';

/** `WER 12.5 %`, or of several in turn `WER 12.5 % → 3.1 %`. */
export function wordErrorWords(...all: readonly WordErrors[]): string {
  return `WER ${all.map(({ errors, words }) => percent(errors / words)).join(' → ')}`;
}
