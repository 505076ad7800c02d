import test from 'ava';
import { readConfig } from '../../../worker/decoder/config.ts';
import { ggufToConfigJson } from '../../../worker/decoder/gguf-config.ts';
import type { GgufHeader, GgufValue } from '../../../worker/files/gguf-header.ts';
import { GgufValueType, ggufTensorType } from '../../../worker/files/gguf-types.ts';

type Values = Readonly<Record<string, string | number | boolean | readonly number[]>>;

/**
 * A header of these pairs and of tensors with these shapes; single precision for what is no whole
 * number.
 */
function header(pairs: Values, tensors: Readonly<Record<string, readonly number[]>> = {}) {
  const type = (value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value)
      ? GgufValueType.Float32
      : GgufValueType.Uint32;
  const value = (raw: Values[string]): GgufValue => ({
    type: type(raw),
    value: typeof raw === 'number' && !Number.isInteger(raw) ? Math.fround(raw) : raw,
    raw: new Uint8Array(),
  });
  const shapes = { 'token_embd.weight': [40, 24], ...tensors };
  const result: GgufHeader = {
    ...{ version: 3, alignment: 32, dataStart: 0 },
    metadata: new Map(Object.entries(pairs).map(([key, raw]) => [key, value(raw)])),
    tensors: new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { type: { ...ggufTensorType('F32'), name: 'F32' }, shape, begin: 0, end: 0 },
      ]),
    ),
  };
  return result;
}

const sizes = (arch: string): Values => ({
  'general.architecture': arch,
  [`${arch}.context_length`]: 128,
  [`${arch}.embedding_length`]: 24,
  [`${arch}.block_count`]: 3,
  [`${arch}.feed_forward_length`]: 20,
  [`${arch}.attention.head_count`]: 4,
  [`${arch}.attention.head_count_kv`]: 2,
  [`${arch}.attention.layer_norm_rms_epsilon`]: 1e-5,
});

const read = (pairs: Values, tensors: Readonly<Record<string, readonly number[]>> = {}) =>
  readConfig(ggufToConfigJson(header(pairs, tensors), () => [], 'm.gguf'));

test('sizes, epsilon and tying of a Llama are read', (t) => {
  const tied = read(sizes('llama'));
  t.like(tied, { family: 'llama', V: 40, H: 24, L: 3, NH: 4, NK: 2, D: 6, I: 20, tied: true });
  t.is(tied.normEps, 1e-5);
  t.is(read(sizes('llama'), { 'output.weight': [40, 24] }).tied, false);
});

test('the ids of special tokens go into the configuration', (t) => {
  const pairs = { ...sizes('llama'), 'tokenizer.ggml.eos_token_id': 2 };
  const json = ggufToConfigJson(header(pairs), null, 'm.gguf');
  t.is(json['eos_token_id'], 2);
  t.false('pad_token_id' in json);
});

test('one number for all layers may be written as a list of equal ones', (t) => {
  const list = { ...sizes('llama'), 'llama.attention.head_count_kv': [2, 2, 2] };
  t.is(read(list).NK, 2);
  const error = t.throws(() => read({ ...list, 'llama.attention.head_count_kv': [2, 4, 2] }));
  t.regex(error.message, /head_count_kv differs between layers/);
});

test('Gemma-3 has the local rotation and the pattern that its files leave out', (t) => {
  const config = read({
    ...{ ...sizes('gemma3'), 'gemma3.attention.key_length': 8, 'gemma3.block_count': 7 },
    ...{ 'gemma3.attention.sliding_window': 512, 'gemma3.rope.freq_base': 1_000_000 },
    ...{ 'gemma3.rope.scaling.type': 'linear', 'gemma3.rope.scaling.factor': 8 },
  });
  t.like(config.rope.full, { theta: 1e6, kind: 'linear', factor: 8 });
  t.like(config.rope.sliding, { theta: 1e4, kind: 'default' });
  t.deepEqual(config.layers[5], { attention: 'full', rope: 'full' });
  t.deepEqual([config.window, config.attentionScale], [512, 8 ** -0.5]);
  t.is(config.attentionCap, undefined);
});

test('Gemma-2 keeps its caps, and its 27B scales by the hidden size over the heads', (t) => {
  const small = read({ ...sizes('gemma2'), 'gemma2.attention.key_length': 8 });
  t.deepEqual([small.attentionCap, small.logitCap, small.window], [50, 30, 4096]);
  t.is(small.attentionScale, 8 ** -0.5);
  const large = { ...sizes('gemma2'), 'gemma2.attention.key_length': 8, 'gemma2.block_count': 46 };
  t.is(read(large).attentionScale, 6 ** -0.5);
});

test('biases of Qwen2 are there without a word of the file', (t) => {
  t.deepEqual(read(sizes('qwen2')).bias, { qkv: true, o: false, mlp: false });
});

test('a part of the head is rotated when the file says so', (t) => {
  const phi = { ...sizes('phi3'), 'phi3.attention.key_length': 8, 'phi3.rope.dimension_count': 6 };
  t.is(read(phi).rope.full.dims, 6);
});

test('yarn is read with the factor that readers put on top of it', (t) => {
  const yarn = {
    ...{ ...sizes('qwen2'), 'qwen2.rope.scaling.type': 'yarn', 'qwen2.rope.scaling.factor': 4 },
    'qwen2.rope.scaling.original_context_length': 64,
  };
  t.like(read(yarn).rope.full, { kind: 'yarn', factor: 4, originalLength: 64 });
  t.is(read(yarn).rope.full.attentionFactor, undefined);
  const { attentionFactor } = read({ ...yarn, 'qwen2.rope.scaling.attn_factor': 0.5 }).rope.full;
  t.is(attentionFactor, 0.5 * (0.1 * Math.log(4) + 1));
});

const refusals: readonly (readonly [string, Values, RegExp])[] = [
  ['another architecture', sizes('mamba'), /architecture is "mamba"; .*llama, qwen2/],
  ['no architecture', {}, /architecture is missing/],
  ['no number of layers', { 'general.architecture': 'llama' }, /has no llama\./],
  ['experts', { ...sizes('llama'), 'llama.expert_count': 8 }, /mixture of experts/],
  [
    'a count that is a string',
    { ...sizes('llama'), 'llama.block_count': 'three' },
    /llama.block_count is three; it must be a number/,
  ],
  [
    'an unknown scaling',
    { ...sizes('llama'), 'llama.rope.scaling.type': 'spiral' },
    /scaling.type is "spiral"/,
  ],
];
const refuses = test.macro({
  exec(t, pairs: Values, message: RegExp) {
    t.regex(t.throws(() => read(pairs)).message, message);
  },
  title: (name) => `a file with ${name} is refused with a sentence`,
});
for (const [name, pairs, message] of refusals) test(name, refuses, pairs, message);
