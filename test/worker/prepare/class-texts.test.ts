import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { parseTokenizerJson } from '../../../worker/data/tokenizer-definition.ts';
import { inTokens } from '../../../worker/prepare/class-texts.ts';
import { tokenizerOf } from '../../toy/encoder-tokenizer.ts';

const definition = { json: parseTokenizerJson(tokenizerOf('bert', 70), 'tokenizer.json') };
const model = { family: 'clip', contextLength: 5 };

test('the text of a class is between the special tokens of the tokenizer', (t) => {
  const [cls, sep, a] = [1, 2, 3];
  t.deepEqual(inTokens(['a', 'bc'], definition, model), [
    [cls, a, sep],
    [cls, a + 1, a + 2, sep],
  ]);
});

test('a text without positions, and texts of the same tokens, are refused in a sentence', (t) => {
  const long = t.throws(() => inTokens(['abcd'], definition, model), { instanceOf: UserError });
  t.is(long.message, '"abcd", the text of a class, has 6 tokens; this clip has positions for 5');
  const same = t.throws(() => inTokens(['a', 'b', 'a'], definition, model), {
    instanceOf: UserError,
  });
  t.regex(same.message, /^"a" and "a", the texts of two classes, have the same tokens/);
});
