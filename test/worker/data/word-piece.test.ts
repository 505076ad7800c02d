import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import { bertWords, normalizeForBert } from '../../../worker/data/bert-text.ts';
import { parseTokenizerJson } from '../../../worker/data/tokenizer-definition.ts';
import { anyText } from '../../builders/any-text.ts';
import { bertJson, bertPieces, encoderTokenizer } from '../../builders/encoder-tokenizers.ts';

const { tokenizer } = encoderTokenizer();

const gives = test.macro({
  title: (given = '') => given,
  exec(t, text: string, tokens: readonly string[]) {
    t.deepEqual(
      tokenizer.encode(text).map((id) => bertPieces[id]),
      tokens,
    );
  },
});
test('A word is its longest beginning and what continues it', gives, 'Filmmaking films', [
  ...['film', '##mak', '##ing', 'film', '##s'],
]);
test('A word that does not come out even is unknown as a whole', gives, 'filmx a', ['[UNK]', 'a']);
test('A word of more characters than may be is unknown', gives, 'filmsssssssss a', ['[UNK]', 'a']);
test('Signs and Chinese characters are words', gives, 'good.色色bad', [
  ...['good', '.', '色', '色', 'bad'],
]);
test('Accents and control characters are left out', gives, 'gö\u0301\u0000o\u200dd', ['good']);
test('Special tokens in a text are those tokens', gives, 'a[SEP]a', ['a', '[SEP]', 'a']);

test('Words are joined again with their continuations', (t) => {
  t.is(tokenizer.decode(tokenizer.encode('Good  filmmaking.')), 'good filmmaking .');
  t.is(Buffer.from(tokenizer.bytesOf(bertPieces.indexOf('##ing'))).toString(), 'ing');
});

test('A long word takes time in proportion to its length', (t) => {
  const model = { ...bertJson.model, max_input_chars_per_word: 1e9 };
  const { tokenizer: endless } = encoderTokenizer({ model });
  t.is(endless.encode(`film${'s'.repeat(200_000)}`).length, 200_001);
});

test('A vocabulary without its unknown token is refused, and an old file is known by its fields', (t) => {
  const { type: _, ...old } = bertJson.model;
  t.is(parseTokenizerJson({ model: old }, 'tokenizer.json').model.type, 'WordPiece');
  const error = t.throws(
    () =>
      parseTokenizerJson({ model: { ...bertJson.model, unk_token: '<unk>' } }, 'tokenizer.json'),
    { instanceOf: UserError },
  );
  t.regex(error.message, /model.unk_token .* unk_token is not in the vocabulary/);
});

test('Each character is lowered by itself, and marks are stripped before', (t) => {
  const all = { clean_text: false, handle_chinese_chars: false, lowercase: true };
  t.is(normalizeForBert('ΟΔΟΣ', all), 'οδοσ');
  t.is(normalizeForBert('İ', all), 'i');
  t.is(normalizeForBert('Ä', { ...all, strip_accents: false }), 'ä');
  t.is(normalizeForBert('Ä', { ...all, lowercase: false, strip_accents: true }), 'A');
});

test('The table of characters is that of Unicode 8', (t) => {
  const clean = { clean_text: true, handle_chinese_chars: false, lowercase: false };
  t.is(normalizeForBert('\u08e2\u{110cd}', clean), '\u08e2\u{110cd}');
  t.is(normalizeForBert('a\u0085\u000bb\u2028c', clean), 'ab c');
  t.deepEqual(bertWords('a\u2e43b\u2e42c'), ['a\u2e43b', '\u2e42', 'c']);
});

test('Words hold all of a text but its blanks, and no sign beside another character', (t) => {
  fc.assert(
    fc.property(anyText(), (text) => {
      const words = bertWords(text);
      t.is(words.join(''), text.replace(/\p{White_Space}/gu, ''));
      t.true(words.every((word) => Array.from(word).length === 1 || !/[!-/:-@[-`{-~]/.test(word)));
    }),
  );
});
