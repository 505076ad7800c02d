import test from 'ava';
import { readConfig } from '../../../worker/decoder/config.ts';
import { families, familyNames } from '../../../worker/decoder/families.ts';
import {
  blockSpecs,
  canonicalName,
  modulePath,
  tensorName,
  tensorSpecs,
} from '../../../worker/decoder/names.ts';

const config = (model_type: string, more: object = {}) =>
  readConfig({
    ...{ model_type, vocab_size: 40, hidden_size: 24, intermediate_size: 20 },
    ...{ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, ...more },
  });

test('a Llama block has its nine tensors with the shapes of the record', (t) => {
  t.deepEqual(
    blockSpecs(config('llama'), 1).map(({ name, shape }) => [name, shape]),
    [
      ['model.layers.1.input_layernorm.weight', [24]],
      ['model.layers.1.self_attn.q_proj.weight', [24, 24]],
      ['model.layers.1.self_attn.k_proj.weight', [12, 24]],
      ['model.layers.1.self_attn.v_proj.weight', [12, 24]],
      ['model.layers.1.self_attn.o_proj.weight', [24, 24]],
      ['model.layers.1.post_attention_layernorm.weight', [24]],
      ['model.layers.1.mlp.gate_proj.weight', [20, 24]],
      ['model.layers.1.mlp.up_proj.weight', [20, 24]],
      ['model.layers.1.mlp.down_proj.weight', [24, 20]],
    ],
  );
});

test('Phi-3 keeps its fused matrices', (t) => {
  const shapes = Object.fromEntries(
    blockSpecs(config('phi3'), 0).map(({ role, shape }) => [role, shape]),
  );
  t.deepEqual(shapes['qkv'], [(4 + 2 * 2) * 6, 24]);
  t.deepEqual(shapes['gateUp'], [40, 24]);
  t.is(shapes['q'], undefined);
});

test('one name stands for two norms: before the MLP, or behind attention with sandwich norms', (t) => {
  const name = 'model.layers.0.post_attention_layernorm.weight';
  t.is(tensorName(config('llama'), 'preMlpNorm', 0), name);
  t.is(tensorName(config('gemma2'), 'postAttentionNorm', 0), name);
  t.is(
    tensorName(config('gemma2'), 'preMlpNorm', 0),
    'model.layers.0.pre_feedforward_layernorm.weight',
  );
});

test('names of a family are unique and the head is there exactly when it is not tied', (t) => {
  for (const family of familyNames) {
    const [model_type] = families[family].modelTypes;
    for (const tie_word_embeddings of [true, false]) {
      const all = tensorSpecs(config(model_type!, { tie_word_embeddings, head_dim: 8 }));
      t.is(new Set(all.map(({ name }) => name)).size, all.length);
      t.is(
        all.some(({ role }) => role === 'head'),
        !tie_word_embeddings,
      );
    }
  }
});

test('biases have the rows of their matrix', (t) => {
  const biases = blockSpecs(config('llama', { attention_bias: true, mlp_bias: true }), 0).filter(
    ({ part }) => part === 'bias',
  );
  t.deepEqual(
    biases.map(({ role, shape }) => [role, ...shape]),
    [
      ['q', 24],
      ['k', 12],
      ['v', 12],
      ['o', 24],
      ['gate', 20],
      ['up', 20],
      ['down', 24],
    ],
  );
});

test('prefixes of multimodal files fall away and their towers are not used', (t) => {
  const name = 'model.layers.0.mlp.up_proj.weight';
  t.is(canonicalName(name), name);
  t.is(canonicalName('language_model.model.layers.0.mlp.up_proj.weight'), name);
  t.is(canonicalName('model.language_model.layers.0.mlp.up_proj.weight'), name);
  t.is(canonicalName('language_model.lm_head.weight'), 'lm_head.weight');
  t.is(canonicalName('vision_tower.vision_model.encoder.layers.0.weight'), null);
  t.is(canonicalName('model.multi_modal_projector.mm_input_projection_weight'), null);
  t.is(canonicalName('model.layers.0.self_attn.rotary_emb.inv_freq'), null);
});

test('a module path is the name without its last part', (t) => {
  t.is(modulePath('model.layers.0.self_attn.q_proj.weight'), 'model.layers.0.self_attn.q_proj');
  t.is(modulePath('model.layers.0.self_attn.q_proj.bias'), 'model.layers.0.self_attn.q_proj');
});
