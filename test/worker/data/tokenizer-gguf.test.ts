import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { tokenizerFromGguf } from '../../../worker/data/tokenizer-gguf.ts';
import { goldenTokenizer, type TokenizerFamily } from '../../builders/tokenizers.ts';

/** The metadata that a converter writes for a tokenizer of ours. */
function metadataOf(family: TokenizerFamily, more: Readonly<Record<string, unknown>> = {}) {
  const { json } = goldenTokenizer(family).definition;
  if (json.model.type !== 'BPE') throw new Error('no byte pairs');
  const special = new Map(json.added_tokens.map((token) => [token.content, token.special]));
  const vocabulary = new Map([
    ...Object.entries(json.model.vocab),
    ...json.added_tokens.map(({ content, id }) => [content, id] as const),
  ]);
  const tokens = [...vocabulary.entries()].sort(([, a], [, b]) => a - b).map(([token]) => token);
  const typeOf = (token: string) => {
    const isSpecial = special.get(token);
    if (isSpecial !== undefined) return token === '<unk>' ? 2 : isSpecial ? 3 : 4;
    return /^<0x..>$/.test(token) ? 6 : 1;
  };
  const merges = json.model.merges.map((pair) =>
    typeof pair === 'string' ? pair : pair.join(' '),
  );
  return new Map<string, unknown>(
    Object.entries({ tokens, token_type: tokens.map(typeOf), merges, ...more }).map(
      ([key, value]) => [`tokenizer.ggml.${key}`, value],
    ),
  );
}

const sameIds = test.macro({
  title: (_, _family: TokenizerFamily, pre: string) =>
    `${pre}: a byte-level tokenizer in GGUF gives the ids of its tokenizer.json`,
  exec(t, family: TokenizerFamily, pre: string) {
    const tokenizer = createTokenizer(
      tokenizerFromGguf(metadataOf(family, { model: 'gpt2', pre })),
    );
    for (const { text, ids } of goldenTokenizer(family).cases)
      t.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
  },
});
test(sameIds, 'smollm', 'smollm');
test(sameIds, 'qwen2', 'qwen2');
test(sameIds, 'llama-3', 'llama-bpe');
test(sameIds, 'gpt2', 'gpt-2');

test('A sentencepiece tokenizer in GGUF has scores for merges, and gives the same ids', (t) => {
  const family = 'llama-2';
  const metadata = metadataOf(family, { model: 'llama' });
  const { json } = goldenTokenizer(family).definition;
  if (json.model.type !== 'BPE') throw new Error('no byte pairs');
  // The trainer gave every merge one token; its rank is the score.
  const rank = new Map(
    json.model.merges.map((pair, index) => [
      typeof pair === 'string' ? pair.replace(' ', '') : pair.join(''),
      -index,
    ]),
  );
  const tokens = metadata.get('tokenizer.ggml.tokens') as string[];
  metadata.set(
    'tokenizer.ggml.scores',
    tokens.map((token) => rank.get(token) ?? -1e6),
  );
  metadata.delete('tokenizer.ggml.merges');
  const tokenizer = createTokenizer(tokenizerFromGguf(metadata));
  for (const { text, ids } of goldenTokenizer(family).cases)
    t.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
});

test('The begin token, the end token and the template come along', (t) => {
  const metadata = metadataOf('smollm', {
    model: 'gpt2',
    pre: 'smollm',
    bos_token_id: 1,
    eos_token_id: 2,
    add_bos_token: true,
  });
  metadata.set('tokenizer.chat_template', '{{ messages }}');
  const definition = tokenizerFromGguf(metadata);
  t.is(definition.bos, '<|im_start|>');
  t.is(definition.eos, '<|im_end|>');
  t.is(definition.chatTemplate, '{{ messages }}');
  t.true(createTokenizer(definition).addBos);
});

test('Where the file does not say, Llama begins a text and the others do not', (t) => {
  const begins = (family: TokenizerFamily, more: Readonly<Record<string, unknown>>) =>
    tokenizerFromGguf(metadataOf(family, more)).addBos;
  t.false(begins('smollm', { model: 'gpt2', pre: 'smollm' }));
  t.true(begins('llama-3', { model: 'gpt2', pre: 'llama-bpe' }));
});

const refused = test.macro({
  title: (given = '') => given,
  exec(t, more: Readonly<Record<string, unknown>>, reason: RegExp) {
    const metadata = metadataOf('gpt2', { model: 'gpt2', ...more });
    const error = t.throws(() => tokenizerFromGguf(metadata), { instanceOf: UserError });
    t.is(error.code, 'E_INVALID_TOKENIZER');
    t.regex(error.message, reason);
  },
});
test(
  'Unknown rules of splitting',
  refused,
  { pre: 'jais' },
  /rules jais .* are not known; known are default, gpt-2/,
);
test('Rules with a name of JavaScript', refused, { pre: 'constructor' }, /rules constructor/);
test('Another model', refused, { model: 'bert' }, /tokenizer model bert is not supported/);
test('No merges', refused, { merges: undefined }, /merges is missing/);
test('No scores', refused, { model: 'llama' }, /scores does not have one score a token/);
test(
  'Tokens that are no texts',
  refused,
  { tokens: [1] },
  /tokenizer\.ggml\.tokens\.0 is not as expected/,
);
