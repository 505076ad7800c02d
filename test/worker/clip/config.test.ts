import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { clipConfig, readClipConfig } from '../../../worker/clip/config.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import { clipJson } from '../../toy/clip-json.ts';

test('clip is read from its class defaults alone', (t) => {
  const config = clipConfig(readModelConfig({ model_type: 'clip' }));
  const { text, vision, joint, L } = config;
  t.deepEqual([text.V, text.H, text.L, text.NH, text.I], [49_408, 512, 12, 8, 2048]);
  t.deepEqual([vision.H, vision.L, vision.NH, vision.I, vision.side], [768, 12, 12, 3072, 7]);
  t.deepEqual([joint, L, config.contextLength], [512, 24, 77]);
  t.true(text.kind === 'clip' && text.activation === 'quick-gelu' && text.endId === 49_407);
});

test('the end that former files name is the largest id', (t) => {
  const { text } = readClipConfig(clipJson('clip-former'));
  t.true(text.kind === 'clip' && text.endId === null);
});

test('towers of a dual encoder are those of their families, below names of their own', (t) => {
  const { text, vision } = readClipConfig(clipJson('dual'));
  t.deepEqual([text.kind, vision.kind], ['encoder', 'vision']);
  t.true(text.kind === 'encoder' && text.root === 'text_model');
  t.true(vision.kind === 'vision' && vision.root === 'vision_model');
});

const refusals = {
  'a class of another task': [
    'clip',
    { architectures: ['CLIPForImageClassification'] },
    /architectures\[0\] is "CLIPForImageClassification"/,
  ],
  'another configuration of texts': ['clip', { text_config_dict: {} }, /sets text_config_dict/],
  'heads that do not divide': [
    'clip',
    { vision_config: { num_attention_heads: 5 } },
    /hidden_size is 768; it must be a multiple of num_attention_heads, 5/,
  ],
  'patches larger than pictures': [
    'clip',
    { vision_config: { image_size: 16, patch_size: 32 } },
    /image_size is 16; it must be at least patch_size, 32/,
  ],
  'an unknown activation': [
    'clip',
    { text_config: { hidden_act: 'silu' } },
    /hidden_act is "silu"/,
  ],
  'another tower of texts': [
    'dual',
    { text_config: { model_type: 'roberta' } },
    /model_type is "roberta"; this tower of a dual encoder must be a bert/,
  ],
  'another tower of pictures': [
    'dual',
    { vision_config: { model_type: 'vit' } },
    /model_type is "vit"; this tower of a dual encoder must be a dinov2/,
  ],
  'a tower without a type': ['dual', { vision_config: {} }, /model_type is null/],
  'a size without bounds': ['clip', { projection_dim: 2 ** 30 }, /projection_dim: /],
} as const;

for (const [what, [name, changes, message]] of Object.entries(refusals)) {
  test(`${what}: one sentence`, (t) => {
    const error = t.throws(() => readClipConfig(clipJson(name, changes)), {
      instanceOf: UserError,
      message,
    });
    t.false(error.message.includes('\n'));
  });
}
