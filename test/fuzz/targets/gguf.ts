// A GGUF as far as it is read before its weights: header, the config and the tokenizer that are
// inside it.

import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { tokenizerFromGguf } from '../../../worker/data/tokenizer-gguf.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { ggufToConfigJson } from '../../../worker/decoder/gguf-config.ts';
import { GgufMetadata } from '../../../worker/decoder/gguf-metadata.ts';
import { type GgufHeader, parseGguf } from '../../../worker/files/gguf-header.ts';
import {
  GgufType,
  ggufFile,
  ggufFloat,
  ggufList,
  ggufNumber,
  ggufPair,
  ggufTensor,
  ggufText,
} from '../../builders/gguf.ts';
import { isAllowed, type Target } from '../target.ts';

const { Uint32, Int32, Float32, Text } = GgufType;

const sizes = [
  ['block_count', 2],
  ['context_length', 64],
  ['embedding_length', 8],
  ['feed_forward_length', 16],
  ['attention.head_count', 2],
  ['attention.head_count_kv', 1],
  ['vocab_size', 4],
] as const;

const pairs = [
  ggufPair('general.architecture', Text, ggufText('llama')),
  ...sizes.map(([key, value]) => ggufPair(`llama.${key}`, Uint32, ggufNumber(value, 4))),
  ggufPair('llama.attention.layer_norm_rms_epsilon', Float32, ggufFloat(1e-5)),
  ggufPair('llama.rope.freq_base', Float32, ggufFloat(10_000)),
  ggufPair('tokenizer.ggml.model', Text, ggufText('gpt2')),
  ggufPair('tokenizer.ggml.pre', Text, ggufText('smollm')),
  ggufList('tokenizer.ggml.tokens', Text, ['a', 'b', 'ab', '<|end|>'].map(ggufText)),
  ggufList(
    'tokenizer.ggml.token_type',
    Int32,
    [1, 1, 1, 3].map((type) => ggufNumber(type, 4)),
  ),
  ggufList('tokenizer.ggml.merges', Text, [ggufText('a b')]),
  ggufPair('tokenizer.ggml.eos_token_id', Uint32, ggufNumber(3, 4)),
];

export const target: Target = {
  seeds: [
    ggufFile(pairs, [ggufTensor('token_embd.weight', [8, 4], 0, 0)], 128),
    ggufFile(
      [ggufPair('general.alignment', Uint32, ggufNumber(64, 4))],
      [ggufTensor('a', [32], 8, 0)],
      96,
    ),
    ggufFile([], [], 0),
  ],
  words: [
    ...['GGUF', 'general.architecture', 'general.alignment', 'tokenizer.ggml.merges', 'scores'],
    ...['llama', 'qwen2', 'gemma3', 'phi3', 'gpt2', '.rope.scaling.type', 'yarn', 'expert_count'],
  ],
  run(bytes) {
    const header = parseGguf(bytes, bytes.length, 'model.gguf');
    // Config and tokenizer are read from the same header; one that is refused must not hide the
    // other.
    const refusal = attempt(() => configOf(header));
    createTokenizer(tokenizerFromGguf(new GgufMetadata(header, 'model.gguf'))).encode('abba a');
    if (refusal) throw refusal;
  },
};

function configOf(header: GgufHeader): void {
  readConfig(
    ggufToConfigJson(header, () => [], 'model.gguf'),
    { path: 'model.gguf' },
  );
}

function attempt(body: () => void): unknown {
  try {
    body();
    return undefined;
  } catch (error) {
    if (isAllowed(error)) return error;
    throw error;
  }
}
