import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { textConfigJson } from '../../../worker/decoder/config-file.ts';
import { families, familyNames } from '../../../worker/decoder/families.ts';

const small = {
  model_type: 'llama',
  vocab_size: 40,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

test('every family is read from its class defaults alone', (t) => {
  for (const name of familyNames) {
    const { defaults, modelTypes } = families[name];
    const config = readConfig({ model_type: modelTypes[0] });
    t.is(config.family, name);
    t.is(config.V, defaults.vocab_size);
    t.is(config.layers.length, defaults.num_hidden_layers);
    t.is(config.rope.full.theta, defaults.rope_theta);
  }
});

test('what a file omits is the default of its own class', (t) => {
  t.true(readConfig({ model_type: 'gemma2' }).tied);
  t.false(readConfig({ model_type: 'llama' }).tied);
  t.is(readConfig({ model_type: 'phi3' }).normEps, 1e-5);
  t.is(readConfig({ model_type: 'mistral' }).NK, 8);
  t.is(readConfig({ model_type: 'gemma3_text' }).rope.full.theta, 1e6);
  t.is(readConfig({ model_type: 'gemma3_text' }).rope.sliding?.theta, 1e4);
});

test('the head size is its own number and need not divide the hidden size', (t) => {
  const config = readConfig({ ...small, model_type: 'qwen3', head_dim: 8 });
  t.is(config.D, 8);
  t.is(config.attentionScale, 8 ** -0.5);
  t.is(readConfig(small).D, 6);
});

test('without a number of key heads every query head has its own', (t) => {
  t.is(readConfig({ ...small, num_key_value_heads: undefined }).NK, 4);
  t.is(readConfig({ ...small, model_type: 'mistral', num_key_value_heads: null }).NK, 4);
});

test('biases follow the class: always on q, k, v of Qwen2, as configured on Llama', (t) => {
  t.deepEqual(readConfig({ ...small, model_type: 'qwen2' }).bias, {
    ...{ qkv: true, o: false, mlp: false },
  });
  t.deepEqual(readConfig({ ...small, attention_bias: true, mlp_bias: true }).bias, {
    ...{ qkv: true, o: true, mlp: true },
  });
  t.deepEqual(readConfig({ ...small, model_type: 'mistral', attention_bias: true }).bias, {
    ...{ qkv: false, o: false, mlp: false },
  });
});

test('Gemma means the tanh form of gelu whichever field says so', (t) => {
  const gemma = { ...small, model_type: 'gemma' };
  t.is(
    readConfig({ ...gemma, hidden_act: 'gelu', hidden_activation: null }).activation,
    'gelu-tanh',
  );
  t.is(
    readConfig({ ...gemma, hidden_act: 'gelu', hidden_activation: 'gelu_pytorch_tanh' }).activation,
    'gelu-tanh',
  );
  t.is(readConfig({ ...small, hidden_act: 'gelu' }).activation, 'gelu');
  t.is(readConfig(small).activation, 'silu');
});

test('Gemma-2 alternates windows, caps scores and logits, and scales by its own scalar', (t) => {
  const config = readConfig({ ...small, model_type: 'gemma2', query_pre_attn_scalar: 144 });
  t.deepEqual(
    config.layers.map(({ attention }) => attention),
    ['sliding', 'full', 'sliding'],
  );
  t.deepEqual(
    [config.window, config.attentionCap, config.logitCap, config.attentionScale],
    [4096, 50, 30, 144 ** -0.5],
  );
  t.is(config.embedScale, Math.sqrt(24));
  const uncapped = readConfig({ ...small, model_type: 'gemma2', attn_logit_softcapping: null });
  t.is(uncapped.attentionCap, undefined);
});

test('Gemma-3 attends fully in every sixth layer, each kind with its own rotation', (t) => {
  const config = readConfig({
    ...{ ...small, model_type: 'gemma3_text', num_hidden_layers: 7 },
    ...{ rope_scaling: { rope_type: 'linear', factor: 8 }, sliding_window: 512 },
  });
  t.deepEqual(config.layers[5], { attention: 'full', rope: 'full' });
  t.deepEqual(config.layers[6], { attention: 'sliding', rope: 'sliding' });
  t.like(config.rope.full, { theta: 1e6, kind: 'linear', factor: 8 });
  t.like(config.rope.sliding, { theta: 1e4, kind: 'default' });
  t.is(config.window, 512);
});

test('the text part of a multimodal Gemma-3 file is the model', (t) => {
  const config = readConfig({
    ...{ model_type: 'gemma3', architectures: ['Gemma3ForConditionalGeneration'] },
    text_config: { model_type: 'gemma3_text', hidden_size: 2560, num_hidden_layers: 34 },
    vision_config: { hidden_size: 1152 },
  });
  t.like(config, { family: 'gemma3', H: 2560, L: 34, NH: 8, NK: 4, D: 256 });
});

test('the configuration of the decoder alone is the same model without towers and code', (t) => {
  const json = {
    ...{ model_type: 'gemma3', architectures: ['Gemma3ForConditionalGeneration'] },
    text_config: { model_type: 'gemma3_text', hidden_size: 2560, num_hidden_layers: 34 },
    vision_config: { hidden_size: 1152 },
  };
  const alone = textConfigJson(json, 'config.json');
  t.deepEqual(readConfig(alone), readConfig(json));
  t.deepEqual(Object.keys(alone).sort(), [
    ...['architectures', 'hidden_size', 'model_type', 'num_hidden_layers'],
  ]);
  const coded = { ...small, auto_map: { AutoModelForCausalLM: 'modeling_llama.LlamaForCausalLM' } };
  t.deepEqual(textConfigJson(coded, 'config.json'), small);
});

test('Mistral slides in all layers unless the window is null', (t) => {
  const mistral = { ...small, model_type: 'mistral' };
  t.true(readConfig(mistral).layers.every(({ attention }) => attention === 'sliding'));
  const full = readConfig({ ...mistral, sliding_window: null });
  t.true(full.layers.every(({ attention }) => attention === 'full'));
  t.is(full.window, undefined);
});

test('Qwen slides from max_window_layers on, and only when asked', (t) => {
  const qwen = { ...small, model_type: 'qwen2', sliding_window: 8, max_window_layers: 2 };
  t.true(readConfig(qwen).layers.every(({ attention }) => attention === 'full'));
  t.deepEqual(
    readConfig({ ...qwen, use_sliding_window: true }).layers.map(({ attention }) => attention),
    ['full', 'full', 'sliding'],
  );
});

test('layer_types rule over the family and must name every layer', (t) => {
  const types = ['full_attention', 'sliding_attention', 'full_attention'];
  const config = readConfig({ ...small, model_type: 'gemma2', layer_types: types });
  t.deepEqual(
    config.layers.map(({ attention }) => attention),
    ['full', 'sliding', 'full'],
  );
  const error = t.throws(() =>
    readConfig({ ...small, model_type: 'gemma2', layer_types: types.slice(1) }),
  );
  t.regex(error.message, /layer_types has 2 entries; .*3/);
});

test('both spellings of RoPE give the same record', (t) => {
  const scaling = {
    ...{ factor: 32, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 8192,
  };
  const old = readConfig({
    ...{ ...small, rope_theta: 5e5, max_position_embeddings: 131_072 },
    rope_scaling: { ...scaling, rope_type: 'llama3' },
  });
  const fresh = readConfig({
    ...{ ...small, max_position_embeddings: 131_072 },
    rope_parameters: { ...scaling, rope_type: 'llama3', rope_theta: 5e5 },
  });
  t.deepEqual(old, fresh);
  t.deepEqual(old.rope.full, {
    ...{ theta: 5e5, dims: 6, kind: 'llama3', factor: 32 },
    ...{ originalLength: 8192, low: 1, high: 4 },
  });
});

test('RoPE parameters of each layer type are read from the nested spelling', (t) => {
  const config = readConfig({
    ...{ ...small, model_type: 'gemma3_text' },
    rope_parameters: {
      full_attention: { rope_type: 'linear', factor: 8, rope_theta: 2e6 },
      sliding_attention: { rope_type: 'default', rope_theta: 3e4 },
    },
  });
  t.like(config.rope.full, { kind: 'linear', theta: 2e6, factor: 8 });
  t.like(config.rope.sliding, { kind: 'default', theta: 3e4 });
});

test('the dictionary wins over the top-level key, and that over the class default', (t) => {
  const inside = { rope_parameters: { rope_type: 'default', rope_theta: 7 }, rope_theta: 8 };
  t.is(readConfig({ ...small, ...inside }).rope.full.theta, 7);
  t.is(readConfig({ ...small, rope_theta: 8 }).rope.full.theta, 8);
  t.is(readConfig(small).rope.full.theta, 1e4);
});

test('Phi-3 rotates a part of the head and calls longrope "su" or "yarn"', (t) => {
  const phi = { ...small, model_type: 'phi3', hidden_size: 32, max_position_embeddings: 131_072 };
  t.is(readConfig({ ...phi, partial_rotary_factor: 0.75 }).rope.full.dims, 6);
  for (const type of ['su', 'yarn', 'longrope']) {
    const lists = { short_factor: [1, 1, 1, 1], long_factor: [1, 2, 3, 4] };
    const { full } = readConfig({ ...phi, rope_scaling: { type, ...lists } }).rope;
    t.like(full, { kind: 'longrope', originalLength: 4096, factor: 32, long: [1, 2, 3, 4] });
  }
});

const refusals: readonly (readonly [string, object, RegExp])[] = [
  ['an unknown family', { model_type: 'opt' }, /model_type is "opt"; .*llama, mistral/],
  [
    'a class of another family',
    { architectures: ['OPTForCausalLM'] },
    /architectures\[0\] is "OPT/,
  ],
  ['experts', { num_local_experts: 8 }, /mixture of experts/],
  ['latent attention', { kv_lora_rank: 512 }, /latent attention/],
  ['layers without RoPE', { no_rope_layers: [1, 1, 0] }, /layers without RoPE/],
  ['quantised weights', { quantization_config: { quant_method: 'gptq' } }, /already quantised/],
  [
    'code of its own',
    { auto_map: { AutoModelForCausalLM: 'modeling_mine.MineForCausalLM' } },
    /code of a model is never run/,
  ],
  ['dropout', { attention_dropout: 0.1 }, /attention_dropout is 0.1/],
  ['an odd activation', { hidden_act: 'relu' }, /hidden_act is "relu"/],
  ['heads that do not group', { num_key_value_heads: 3 }, /multiple of num_key_value_heads, 3/],
  [
    'a head size that is no integer',
    { num_attention_heads: 7 },
    /must be a multiple of the second/,
  ],
  ['an unknown RoPE type', { rope_scaling: { type: 'mrope', factor: 2 } }, /RoPE type is "mrope"/],
  ['linear RoPE without a factor', { rope_scaling: { type: 'linear' } }, /has no factor/],
  ['an odd rotated size', { head_dim: 5 }, /rotated size of a head is 5/],
  ['a negative size', { hidden_size: -4 }, /hidden_size/],
  ['a size of the wrong type', { num_hidden_layers: 'three' }, /num_hidden_layers/],
];
const refuses = test.macro({
  exec(t, change: object, message: RegExp) {
    const error = t.throws(
      () => readConfig({ ...small, ...change }, { path: 'there/config.json' }),
      {
        instanceOf: UserError,
      },
    );
    t.regex(error.message, message);
  },
  title: (name) => `a file with ${name} is refused with a sentence`,
});
for (const [name, change, message] of refusals) test(name, refuses, change, message);

test('several wrong fields come in one error', (t) => {
  const error = t.throws(() => readConfig({ ...small, hidden_size: 'a', vocab_size: 0 }));
  t.regex(error.message, /hidden_size.*vocab_size|vocab_size.*hidden_size/);
});

test('things that are no object are refused', (t) => {
  for (const json of [null, 3, 'text', [], undefined]) {
    t.throws(() => readConfig(json), { instanceOf: UserError });
  }
});

test('a layer list of ones (each with RoPE), zero experts and dropout 0 are no obstacles', (t) => {
  t.notThrows(() =>
    readConfig({ ...small, no_rope_layers: [1, 1, 1], num_experts: 0, attention_dropout: 0 }),
  );
  t.notThrows(() => readConfig({ ...small, attention_dropout: 0.1 }, { ignoreDropout: true }));
});

test('the classes that published Phi-3 files name in auto_map are the known ones', (t) => {
  const map = {
    AutoConfig: 'configuration_phi3.Phi3Config',
    AutoModelForCausalLM: 'modeling_phi3.Phi3ForCausalLM',
  };
  t.notThrows(() => readConfig({ ...small, model_type: 'phi3', auto_map: map }));
});
