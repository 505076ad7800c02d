// tokenizer.json: parsed, built, and used on a text, since a lying table shows itself only there.
import { jsonLimits, parseJson, RefusedBytes } from '../../../crds/text/json.ts';
import { specialTokensOf } from '../../../worker/data/special-tokens.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { parseTokenizerJson } from '../../../worker/data/tokenizer-definition.ts';
import { bertJson } from '../../builders/encoder-tokenizers.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const byteLevel = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
};

const bpe = {
  version: '1.0',
  added_tokens: [
    {
      id: 4,
      content: '<s>',
      special: true,
      lstrip: false,
      rstrip: true,
      normalized: false,
      single_word: false,
    },
  ],
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }] },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: '\\p{N}{1,3}| ?\\p{L}+|\\s+' },
        behavior: 'Isolated',
        invert: false,
      },
      { type: 'Digits', individual_digits: true },
      byteLevel,
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [4], tokens: ['<s>'] } },
  },
  decoder: byteLevel,
  model: {
    type: 'BPE',
    vocab: { a: 0, b: 1, ab: 2, Ġ: 3 },
    merges: ['a b'],
    unk_token: null,
    byte_fallback: false,
    ignore_merges: false,
  },
};

const unigram = {
  added_tokens: [],
  normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['▁a', -1.5],
      ['b', -2],
    ],
    byte_fallback: true,
  },
};

const wordPiece = {
  ...bertJson,
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
};

export const target: Target = {
  seeds: [JSON.stringify(bpe), JSON.stringify(unigram), JSON.stringify(wordPiece)],
  words: [
    ...nests,
    ...[
      '"BPE"',
      '"Unigram"',
      '"WordPiece"',
      '"vocab"',
      '"merges"',
      '"added_tokens"',
      '"id"',
      '"content"',
    ],
    ...[
      '"normalizer"',
      '"pre_tokenizer"',
      '"post_processor"',
      '"pattern"',
      '"Regex"',
      '"String"',
      '"Removed"',
    ],
    ...[
      '"Prepend"',
      '"Strip"',
      '"Lowercase"',
      '"Whitespace"',
      '"Punctuation"',
      '"type"',
      '"<0x0A>"',
      '""',
    ],
    ...[
      '(?!',
      '\\\\p{L}',
      '\\\\G',
      '[',
      ']',
      '{',
      '}',
      'null',
      'true',
      '[]',
      '{}',
      '"ids"',
      '\\ud800',
    ],
  ],
  run(bytes) {
    const json = parse(bytes);
    if (json === undefined) return;
    const parsed = parseTokenizerJson(json, 'tokenizer.json');
    const tokenizer = createTokenizer({ json: parsed });
    const text = 'abba <s>a 12 ab\n\u{1f600} ▁b';
    const ids = tokenizer.encode(text);
    tokenizer.pieces(text);
    tokenizer.decode(ids);
    specialTokensOf(parsed, tokenizer.vocabularySize).surround(ids, ids);
  },
};

/** Whoever reads the file says what is wrong with it; here such an input is of no use. */
function parse(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, jsonLimits.tokenizer);
  } catch (error) {
    if (error instanceof RefusedBytes) return undefined;
    throw error;
  }
}
