import test from 'ava';
import { wordErrorWords } from '../../../cli/jobs/word-error-words.ts';

test('errors in words are told as a rate, and as how it changed', (t) => {
  t.is(wordErrorWords({ errors: 3, words: 24 }), 'WER 12.5 %');
  t.is(wordErrorWords({ errors: 30, words: 24 }, { errors: 0, words: 24 }), 'WER 125.0 % → 0.0 %');
});
