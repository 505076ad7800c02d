// Tokenizers of encoders in a few tokens, each as its tokenizer.json.
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import {
  parseTokenizerJson,
  type TokenizerDefinition,
} from '../../worker/data/tokenizer-definition.ts';

/** Ids as their places: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, then pieces of words. */
export const bertPieces = [
  ...['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'good', 'bad', 'film', '##s', '##mak', '##ing', '.'],
  ...['film##', '色', 'ß'],
];

function idsOf(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

export const bertJson = {
  added_tokens: [
    { id: 2, content: '[CLS]', special: true },
    { id: 3, content: '[SEP]', special: true },
  ],
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0)],
    pair: [
      ...[special('[CLS]', 0), text('A', 0), special('[SEP]', 0)],
      ...[text('B', 1), special('[SEP]', 1)],
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  model: {
    type: 'WordPiece',
    vocab: idsOf(bertPieces),
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 12,
  },
};

function special(id: string, type_id: number) {
  return { SpecialToken: { id, type_id } };
}

function text(id: 'A' | 'B', type_id: number) {
  return { Sequence: { id, type_id } };
}

export function encoderTokenizer(changes: Readonly<Record<string, unknown>> = {}) {
  const json = parseTokenizerJson({ ...bertJson, ...changes }, 'tokenizer.json');
  const definition: TokenizerDefinition = { json };
  return { definition, tokenizer: createTokenizer(definition) };
}
