// Tokenizers of toy encoders, with special tokens around a text or a pair.
import type { EncoderName } from '../../worker/encoder/families.ts';
import { toyTokenizer } from './tokenizer.ts';

interface SpecialTokens {
  readonly tokens: readonly string[];
  readonly first: string;
  readonly between: readonly string[];
  readonly last: string;
}

/** Special tokens by their ids, and which of them stand before a text and behind each. */
const special: Readonly<Record<EncoderName, SpecialTokens>> = {
  bert: { tokens: ['[PAD]', '[CLS]', '[SEP]'], first: '[CLS]', between: ['[SEP]'], last: '[SEP]' },
  roberta: {
    ...{ tokens: ['<s>', '<pad>', '</s>'], first: '<s>', last: '</s>' },
    between: ['</s>', '</s>'],
  },
};

/** `tokenizer.json`: of one text, or two, of which the second has a segment where BERT has two. */
export function tokenizerOf(name: EncoderName, size: number): Readonly<Record<string, unknown>> {
  const { tokens, first, between, last } = special[name];
  const token = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } });
  const text = (id: 'A' | 'B', type_id = 0) => ({ Sequence: { id, type_id } });
  const second = name === 'bert' ? 1 : 0;
  return {
    ...toyTokenizer(size, tokens),
    post_processor: {
      type: 'TemplateProcessing',
      single: [token(first), text('A'), token(last)],
      pair: [
        ...[token(first), text('A'), ...between.map((each) => token(each))],
        ...[text('B', second), token(last, second)],
      ],
      special_tokens: Object.fromEntries(
        [...new Set([first, last])].map((id) => [
          id,
          { id, ids: [tokens.indexOf(id)], tokens: [id] },
        ]),
      ),
    },
  };
}
