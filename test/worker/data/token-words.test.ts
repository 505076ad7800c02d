import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { createWords } from '../../../worker/data/token-words.ts';

const splits = test.macro({
  title: (given = '') => given,
  exec(t, config: unknown, text: string, words: readonly string[], first = true) {
    t.deepEqual(createWords(config).split(text, first as boolean), words);
  },
});

test('Nothing splits nothing', splits, null, 'a b', ['a b']);
test('GPT-2', splits, { type: 'ByteLevel' }, "I'll go,  now 12", [
  'I',
  "'ll",
  ' go',
  ',',
  ' ',
  ' now',
  ' 12',
]);
test(
  'Digits are all that Unicode calls numeric',
  splits,
  { type: 'Digits', individual_digits: true },
  'a12½٣',
  ['a', '1', '2', '½', '٣'],
);
test('Digits in runs', splits, { type: 'Digits' }, 'a12b', ['a', '12', 'b']);
const space = { String: ' ' };
test(
  'Merged with the previous',
  splits,
  { type: 'Split', pattern: space, behavior: 'MergedWithPrevious' },
  'a b ',
  ['a ', 'b '],
);
test(
  'Merged with the next',
  splits,
  { type: 'Split', pattern: space, behavior: 'MergedWithNext' },
  'a b ',
  ['a', ' b', ' '],
);
test('Removed', splits, { type: 'Split', pattern: space, behavior: 'Removed' }, 'a b ', ['a', 'b']);
test(
  'Kept where it matches',
  splits,
  { type: 'Split', pattern: { Regex: '\\w' }, behavior: 'Removed', invert: true },
  'a b',
  ['a', 'b'],
);
const sequence = {
  type: 'Sequence',
  pretokenizers: [{ type: 'Digits' }, { type: 'Split', pattern: space }],
};
test('One after the other', splits, sequence, 'a 1', ['a', ' ', '1']);
test('Metaspace splits before each ▁', splits, { type: 'Metaspace' }, 'a b', ['▁a', '▁b']);
test(
  'Metaspace only at the beginning',
  splits,
  { type: 'Metaspace', prepend_scheme: 'first', split: false },
  'a',
  ['a'],
  false,
);
test('Metaspace of old files', splits, { type: 'Metaspace', add_prefix_space: false }, 'a b', [
  'a',
  '▁b',
]);
test(
  'A space in front',
  splits,
  { type: 'ByteLevel', add_prefix_space: true, use_regex: false },
  'a',
  [' a'],
);

test('Words of a byte-level tokenizer are spelled in its alphabet', (t) => {
  const words = createWords({ type: 'ByteLevel' });
  t.is(words.alphabet, 'bytes');
  t.is(words.spell(' é'), 'ĠÃ©');
  t.is(createWords(null).spell(' é'), ' é');
});

const refused = test.macro({
  title: (given = '') => given,
  exec(t, config: unknown, reason: RegExp) {
    const error = t.throws(() => createWords(config), { instanceOf: UserError });
    t.is(error.code, 'E_INVALID_TOKENIZER');
    t.regex(error.message, reason);
  },
});
test(
  'An unknown step is refused by name',
  refused,
  { type: 'UnicodeScripts' },
  /the pre-tokenizer UnicodeScripts; it is not supported/,
);
test(
  'A pattern that JavaScript cannot match',
  refused,
  { type: 'Split', pattern: { Regex: '\\R' } },
  /a pattern that JavaScript cannot match/,
);
test(
  'A pattern that goes on where the last match ended',
  refused,
  { type: 'Split', pattern: { Regex: '\\Ga' } },
  /JavaScript has no \\G/,
);
test(
  'Groups in a pattern that is removed',
  refused,
  { type: 'Split', pattern: { Regex: '(a)' }, behavior: 'Removed' },
  /behavior Removed/,
);
test(
  'A pattern merged with its neighbour',
  refused,
  { type: 'Split', pattern: { Regex: 'a' }, behavior: 'MergedWithNext' },
  /behavior MergedWithNext/,
);
test(
  'A step after the byte alphabet',
  refused,
  { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }, { type: 'Digits' }] },
  /Digits after ByteLevel/,
);
