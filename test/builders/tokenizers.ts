// Small tokenizers of each family with the ids that the Rust library gives awkward texts
// (test/peers/tokenizers_peer.py).
import { readFileSync } from 'node:fs';
import { createTokenizer, type Tokenizer } from '../../worker/data/tokenizer.ts';
import {
  parseTokenizerJson,
  type TokenizerDefinition,
} from '../../worker/data/tokenizer-definition.ts';

export const tokenizerFamilies = [
  'gpt2',
  'smollm',
  'qwen2',
  'llama-3',
  'llama-2',
  'phi-3',
  'mistral',
  'metaspace',
  'gemma',
  'unigram',
] as const;
export type TokenizerFamily = (typeof tokenizerFamilies)[number];

export interface GoldenTokenizer {
  /** Whether the library adds a begin token. */
  readonly begins: boolean;
  readonly definition: TokenizerDefinition;
  readonly tokenizer: Tokenizer;
  readonly cases: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

/** Begin and end tokens as the configuration beside a tokenizer.json would name them. */
const ends: Partial<Record<TokenizerFamily, { readonly bos?: string; readonly eos: string }>> = {
  gpt2: { eos: '<|endoftext|>' },
  smollm: { bos: '<|im_start|>', eos: '<|im_end|>' },
  qwen2: { eos: '<|im_end|>' },
  'llama-3': { bos: '<|begin_of_text|>', eos: '<|im_end|>' },
};

export function goldenTokenizer(family: TokenizerFamily): GoldenTokenizer {
  const path = new URL(`../golden/tokenizers/${family}.json`, import.meta.url);
  const golden = JSON.parse(readFileSync(path, 'utf8'));
  const definition = {
    json: parseTokenizerJson(golden.tokenizer, `${family}.json`),
    ...(ends[family] ?? { bos: '<s>', eos: '</s>' }),
  };
  const tokenizer = createTokenizer(definition);
  return { begins: golden.begins, definition, tokenizer, cases: golden.cases };
}
