import test from 'ava';
import { confirmTensors } from '../../../worker/decoder/confirm.ts';
import { readVisionConfig } from '../../../worker/vision/config.ts';
import { visionNames } from '../../../worker/vision/families.ts';
import { visionName, visionNameInFiles } from '../../../worker/vision/file-names.ts';
import { visionTensors } from '../../../worker/vision/names.ts';

const vit = { family: 'vit' } as const;
const deit = { family: 'deit' } as const;
const dinov2 = { family: 'dinov2' } as const;

test('tensors have the names of modules of transformers 5, and files those of version 4', (t) => {
  const ofVit = {
    'vit.encoder.layer.1.attention.attention.query.weight': 'vit.layers.1.attention.q_proj.weight',
    'vit.encoder.layer.1.attention.output.dense.bias': 'vit.layers.1.attention.o_proj.bias',
    'vit.encoder.layer.1.intermediate.dense.weight': 'vit.layers.1.mlp.fc1.weight',
    'vit.encoder.layer.1.output.dense.weight': 'vit.layers.1.mlp.fc2.weight',
    'vit.encoder.layer.11.layernorm_before.bias': 'vit.layers.11.layernorm_before.bias',
    'vit.embeddings.cls_token': 'vit.embeddings.cls_token',
    'vit.layernorm.weight': 'vit.layernorm.weight',
    'classifier.weight': 'classifier.weight',
  };
  for (const [inFile, ours] of Object.entries(ofVit)) {
    t.is(visionName(inFile, vit), ours);
    t.is(visionNameInFiles(ours, vit), inFile);
    t.is(visionName(ours, vit), ours, 'files with the names of modules are read, too');
  }
  const value = 'dinov2.encoder.layer.3.attention.attention.value.weight';
  t.is(visionName(value, dinov2), 'dinov2.encoder.layer.3.attention.v_proj.weight');
  const same = ['norm1.weight', 'layer_scale2.lambda1', 'mlp.fc2.bias'];
  for (const name of same) {
    const whole = `dinov2.encoder.layer.3.${name}`;
    t.deepEqual([visionName(whole, dinov2), visionNameInFiles(whole, dinov2)], [whole, whole]);
  }
});

for (const model_type of visionNames) {
  test(`a file of ${model_type} without a prefix, or with, is the model`, (t) => {
    const config = readVisionConfig({
      ...{ model_type, hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 4 },
    });
    const specs = visionTensors(config);
    const inFiles = (nameInFile: (name: string) => string) =>
      new Map(
        specs.map(({ name, shape }) => [
          nameInFile(visionNameInFiles(name, config)),
          { shape, file: 'model.safetensors' },
        ]),
      );
    const whole = confirmTensors(
      config,
      inFiles((name) => name),
      'm',
    );
    t.deepEqual(
      [...whole.tensors.keys()],
      specs.map(({ name }) => name),
    );
    const bare = inFiles((name) => name.replace(`${model_type}.`, ''));
    bare.set('embeddings.mask_token', { shape: [1, 24], file: 'model.safetensors' });
    t.deepEqual([...confirmTensors(config, bare, 'm').tensors.keys()], [...whole.tensors.keys()]);
  });
}

test('poolers, masked tokens and heads of other tasks are not used, and unknown tensors named', (t) => {
  const unused = ['vit.embeddings.mask_token', 'vit.pooler.dense.weight', 'pooler.dense.bias'];
  for (const name of [...unused, 'decoder.0.weight']) t.is(visionName(name, vit), null, name);
  for (const name of ['cls_classifier.weight', 'distillation_classifier.bias']) {
    t.is(visionName(name, deit), null, name);
  }
  const config = readVisionConfig({ model_type: 'vit', hidden_size: 24, num_attention_heads: 4 });
  const found = new Map(
    visionTensors(config).map(({ name, shape }) => [name, { shape, file: 'm.safetensors' }]),
  );
  found.set('vit.registers', { shape: [1, 4, 24], file: 'm.safetensors' });
  t.throws(() => confirmTensors(config, found, 'm'), {
    message: /vit\.registers is not a tensor of this family/,
  });
});
