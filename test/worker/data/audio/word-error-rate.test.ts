import test from 'ava';
import fc from 'fast-check';
import { normalizedWords, wordErrors } from '../../../../worker/data/audio/word-error-rate.ts';

const clip = (reference: string, heard: string) => ({ reference, heard });

test('Case, punctuation, symbols and what stands in brackets do not count', (t) => {
  t.deepEqual(normalizedWords('[noise] Well, (she laughs) DON’T: it’s 5% <unk>…'), [
    ...['well', 'don', 't', 'it', 's', '5'],
  ]);
  t.deepEqual(normalizedWords(' \t\n'), []);
  t.deepEqual(normalizedWords('a ((b) c) [d [e] f] g () h <i'), [
    ...['a', 'c', 'f', 'g', 'h', 'i'],
  ]);
});

for (const [reference, heard, errors] of [
  ['a b c', 'a b c', 0],
  ['a b c', 'a x c', 1],
  ['a b c', 'a c', 1],
  ['a b c', 'a b x c', 1],
  ['a b c', '', 3],
  ['a b', 'x y z', 3],
  ['a b c d', 'b c d a', 2],
] as const) {
  test(`"${reference}" heard as "${heard}" has ${errors} errors`, (t) => {
    t.is(wordErrors([clip(reference, heard)]).errors, errors);
  });
}

test('The rate is that of all words, not the mean of rates, and silence counts apart', (t) => {
  const clips = [clip('a b c d e f g h i', 'a b c d e f g h i'), clip('a', 'x y'), clip('', 'you')];
  t.deepEqual(wordErrors(clips), { errors: 2, words: 10, emptyReferences: 1, rate: 0.2 });
  t.deepEqual(wordErrors([clip('(laughs)', 'a')]), {
    ...{ errors: 0, words: 0, emptyReferences: 1, rate: undefined },
  });
});

test('Errors are a distance: symmetric, at least the difference of lengths, at most the longer', (t) => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(text, text, (one, other) => {
      const [a, b] = [one.join(' '), other.join(' ')];
      const { errors } = wordErrors([clip(a, b)]);
      t.is(wordErrors([clip(b, a)]).errors, errors);
      t.true(errors >= Math.abs(one.length - other.length));
      t.true(errors <= Math.max(one.length, other.length));
      t.is(errors === 0, a === b);
    }),
  );
});
