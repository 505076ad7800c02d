// The normaliser of a tokenizer: the library's, but for BERT's.
import { normalizeForBert } from './bert-text.ts';
import type { TokenizerJson } from './tokenizer-definition.ts';
import { createLibraryTokenizer, type LibraryTokenizer } from './tokenizer-library.ts';

type Normalize = (text: string) => string;

/** Undefined where text stays as it is. */
export function createNormalizer(
  config: TokenizerJson['normalizer'],
  library: LibraryTokenizer,
): Normalize | undefined {
  if (config === null || config === undefined) return undefined;
  const steps = config.type === 'Sequence' ? config.normalizers : [config];
  if (steps.every(({ type }) => type !== 'BertNormalizer')) {
    return (text) => library.normalizer?.normalize(text) ?? text;
  }
  const each = steps.map((step): Normalize => {
    if (step.type === 'BertNormalizer') return (text) => normalizeForBert(text, step);
    const { normalizer } = createLibraryTokenizer(withNormalizer(step));
    return (text) => normalizer?.normalize(text) ?? text;
  });
  return (text) => each.reduce((normalized, step) => step(normalized), text);
}

function withNormalizer(normalizer: unknown) {
  const none = { pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  return { model: { type: 'BPE', vocab: {}, merges: [] }, normalizer, ...none };
}
