import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { confirmTensors, type FoundTensor } from '../../../worker/decoder/confirm.ts';
import { tensorSpecs } from '../../../worker/decoder/names.ts';

const fields = {
  ...{ model_type: 'llama', vocab_size: 40, hidden_size: 24, intermediate_size: 20 },
  ...{ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 },
};
const config = readConfig(fields);

function complete(of = config): Map<string, FoundTensor> {
  return new Map(
    tensorSpecs(of).map(({ name, shape }) => [name, { shape, file: 'model.safetensors' }]),
  );
}

test('a complete file is confirmed, tensor by tensor', (t) => {
  const { tensors, tiedHead } = confirmTensors(config, complete(), 'm');
  t.is(tensors.size, tensorSpecs(config).length);
  t.is(tiedHead, undefined);
});

test('all differences come in one error that names file, shape and the field behind it', (t) => {
  const found = complete();
  const name = 'model.layers.1.self_attn.k_proj.weight';
  found.set(name, { shape: [24, 24], file: 'model-00003-of-00004.safetensors' });
  found.delete('model.norm.weight');
  found.set('model.layers.0.extra.weight', { shape: [1], file: 'model.safetensors' });
  const error = t.throws(() => confirmTensors(config, found, 'm'), { instanceOf: UserError });
  t.true(
    error.message.includes(
      `${name} is [24, 24] in model-00003-of-00004.safetensors; it must be [12, 24], from ` +
        'num_key_value_heads=2, head_dim=6 and hidden_size=24',
    ),
    error.message,
  );
  t.true(error.message.includes('model.norm.weight is missing; it must be [24]'));
  t.true(error.message.includes('model.layers.0.extra.weight is not a tensor of this family'));
});

test('a file of another size lists the first differences and counts the rest', (t) => {
  const found = complete(readConfig({ ...fields, hidden_size: 48 }));
  const error = t.throws(() => confirmTensors(config, found, 'm'));
  t.regex(error.message, /and \d+ more$/);
});

test('a head beside a tied embedding is reported, not refused', (t) => {
  const tied = readConfig({ ...fields, tie_word_embeddings: true });
  t.is(confirmTensors(tied, complete(config), 'm').tiedHead, 'lm_head.weight');
});

test('multimodal Gemma-3 may have more embedding rows than text tokens; Llama may not', (t) => {
  const gemma = readConfig({ ...fields, model_type: 'gemma3_text', head_dim: 8 });
  const found = complete(gemma);
  found.set('model.embed_tokens.weight', { shape: [64, 24], file: 'f' });
  t.is(confirmTensors(gemma, found, 'm').tensors.get('model.embed_tokens.weight')?.rows, 40);
  const llama = complete();
  llama.set('model.embed_tokens.weight', { shape: [64, 24], file: 'f' });
  t.throws(() => confirmTensors(config, llama, 'm'));
});

test('prefixed names of multimodal files bind to the names of here', (t) => {
  const found = new Map(
    [...complete()].map(([name, tensor]) => [
      name.startsWith('model.') ? `language_model.${name}` : name,
      tensor,
    ]),
  );
  const { tensors } = confirmTensors(config, found, 'm');
  t.is(tensors.get('model.norm.weight')?.nameInFile, 'language_model.model.norm.weight');
});

test('one tensor under two names is refused', (t) => {
  const found = complete();
  found.set('language_model.model.norm.weight', { shape: [24], file: 'f' });
  t.regex(t.throws(() => confirmTensors(config, found, 'm')).message, /are the same tensor/);
});
