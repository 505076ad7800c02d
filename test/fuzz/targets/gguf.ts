// A GGUF as far as it is read before its weights: header, the config and the tokenizer that are inside it.
import { type GgufHeader, parseGguf } from '../../../worker/checkpoint/gguf-header.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { tokenizerFromGguf } from '../../../worker/data/tokenizer-gguf.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { ggufToConfigJson } from '../../../worker/decoder/gguf-config.ts';
import { GgufMetadata } from '../../../worker/decoder/gguf-metadata.ts';
import { isAllowed, type Target } from '../target.ts';

const [U32, F32, TEXT, LIST] = [4, 6, 8, 9];

function number(value: number, bytes: 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value));
  else buffer.writeUInt32LE(value);
  return buffer;
}

function float(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer;
}

function text(value: string): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([number(content.length, 8), content]);
}

function pair(key: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([text(key), number(type, 4), value]);
}

function list(key: string, type: number, values: readonly Buffer[]): Buffer {
  const value = Buffer.concat([number(type, 4), number(values.length, 8), ...values]);
  return pair(key, LIST, value);
}

function file(pairs: readonly Buffer[], tensors: readonly Buffer[], data: number): Buffer {
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    number(3, 4),
    number(tensors.length, 8),
    number(pairs.length, 8),
    ...pairs,
    ...tensors,
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), Buffer.alloc(data)]);
}

function tensor(name: string, shape: readonly number[], type: number, offset: number): Buffer {
  return Buffer.concat([
    text(name),
    number(shape.length, 4),
    ...shape.map((size) => number(size, 8)),
    number(type, 4),
    number(offset, 8),
  ]);
}

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
  pair('general.architecture', TEXT, text('llama')),
  ...sizes.map(([key, value]) => pair(`llama.${key}`, U32, number(value, 4))),
  pair('llama.attention.layer_norm_rms_epsilon', F32, float(1e-5)),
  pair('llama.rope.freq_base', F32, float(10_000)),
  pair('tokenizer.ggml.model', TEXT, text('gpt2')),
  pair('tokenizer.ggml.pre', TEXT, text('smollm')),
  list('tokenizer.ggml.tokens', TEXT, ['a', 'b', 'ab', '<|end|>'].map(text)),
  list(
    'tokenizer.ggml.token_type',
    5,
    [1, 1, 1, 3].map((type) => number(type, 4)),
  ),
  list('tokenizer.ggml.merges', TEXT, [text('a b')]),
  pair('tokenizer.ggml.eos_token_id', U32, number(3, 4)),
];

export const target: Target = {
  seeds: [
    file(pairs, [tensor('token_embd.weight', [8, 4], 0, 0)], 128),
    file([pair('general.alignment', U32, number(64, 4))], [tensor('a', [32], 8, 0)], 96),
    file([], [], 0),
  ],
  words: [
    ...['GGUF', 'general.architecture', 'general.alignment', 'tokenizer.ggml.merges', 'scores'],
    ...['llama', 'qwen2', 'gemma3', 'phi3', 'gpt2', '.rope.scaling.type', 'yarn', 'expert_count'],
  ],
  run(bytes) {
    const header = parseGguf(bytes, bytes.length, 'model.gguf');
    // Config and tokenizer are read from the same header; one that is refused must not hide the other.
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
