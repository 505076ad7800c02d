import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { parseTokenizerJson } from '../../../worker/data/tokenizer-definition.ts';

const model = { type: 'BPE', vocab: { a: 0, b: 1, '(': 2 }, merges: [] };

const accepted = test.macro({
  title: (given = '') => given,
  exec(t, normalizer: unknown) {
    t.notThrows(() => parseTokenizerJson({ model, normalizer }, 'tokenizer.json'));
  },
});
const refused = test.macro({
  title: (given = '') => given,
  exec(t, normalizer: unknown, place: RegExp) {
    const error = t.throws(() => parseTokenizerJson({ model, normalizer }, 'tokenizer.json'), {
      instanceOf: UserError,
    });
    t.is(error.code, 'E_INVALID_TOKENIZER');
    t.regex(error.message, place);
  },
});

test('No normaliser, as in Llama 3', accepted, null);
test('NFC, as in Qwen', accepted, { type: 'NFC' });
const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
test('Replace, as in Gemma', accepted, replace);
test('A sequence, as in Phi-3 and Llama 2', accepted, {
  type: 'Sequence',
  normalizers: [{ type: 'Prepend', prepend: '▁' }, replace],
});

test(
  'A normaliser that is not known is refused at its place',
  refused,
  { type: 'Nmt' },
  /normalizer.type/,
);
test(
  'A pattern that is neither text nor expression is refused, where the library would skip it',
  refused,
  { ...replace, pattern: { Glob: ' ' } },
  /normalizer.pattern/,
);

test('A Metaspace that is a bracket is a bracket', (t) => {
  const pre_tokenizer = { type: 'Metaspace', replacement: '(', prepend_scheme: 'never' };
  const json = parseTokenizerJson({ model, pre_tokenizer }, 'tokenizer.json');
  t.deepEqual(createTokenizer({ json }).encode('a b'), [0, 2, 1]);
});
