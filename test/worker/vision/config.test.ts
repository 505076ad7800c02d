import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import type { ModelConfig } from '../../../worker/families/family.ts';
import { readVisionConfig, visionConfig } from '../../../worker/vision/config.ts';
import { visionFamilies, visionNames } from '../../../worker/vision/families.ts';

const small = {
  ...{ model_type: 'vit', hidden_size: 24, intermediate_size: 36, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, image_size: 8, patch_size: 4 },
};

for (const name of visionNames) {
  test(`${name} is read from its class defaults alone`, (t) => {
    const config = readModelConfig({ model_type: name });
    t.deepEqual(config, readVisionConfig({ model_type: name }));
    const vision = visionConfig(config);
    const same: ModelConfig = vision;
    t.is(same, config);
    const { patch_size: patch, layer_norm_eps } = visionFamilies[name].defaults;
    t.deepEqual([vision.patch, vision.normEps], [patch, layer_norm_eps]);
    t.deepEqual([vision.side, vision.channels, vision.labels], [224 / patch, 3, 2]);
    t.deepEqual([config.D, config.I, config.NK], [64, 3072, config.NH]);
  });
}

test('a document is the tokens of the family and one for each patch', (t) => {
  const lengths = visionNames.map((model_type) => readVisionConfig({ ...small, model_type }));
  t.deepEqual(
    lengths.map(({ contextLength }) => contextLength),
    [1 + 4, 2 + 4, 1 + 4],
  );
});

test('positions of DINOv2 are those of its own picture size, and pixels behind them are left', (t) => {
  const published = { ...small, model_type: 'dinov2', image_size: 518, patch_size: 14 };
  t.is(readVisionConfig(published).side, 37);
  t.is(readVisionConfig({ ...published, image_size: 520 }).side, 37);
});

test('sizes may be pairs of the same number, as some files have them', (t) => {
  const config = readVisionConfig({ ...small, image_size: [8, 8], patch_size: [4, 4] });
  t.deepEqual([config.side, config.patch], [2, 4]);
});

test('the MLP of DINOv2 is a multiple of its width', (t) => {
  const dinov2 = { ...small, model_type: 'dinov2' };
  t.is(readVisionConfig(dinov2).I, 96);
  t.is(readVisionConfig({ ...dinov2, mlp_ratio: 2 }).I, 48);
});

test('the classes are those of the job, else those of the file', (t) => {
  const named = { ...small, id2label: { 0: 'cat', 1: 'dog', 2: 'none' } };
  t.is(readVisionConfig(named).labels, 3);
  t.is(readVisionConfig(named, { labels: 6 }).labels, 6);
});

test('dropout is read, and no reason to refuse a file', (t) => {
  t.is(readVisionConfig({ ...small, hidden_dropout_prob: 0.1, drop_path_rate: 0.3 }).dropout, 0.3);
});

const refusals = {
  'an MLP with a gate': [
    { model_type: 'dinov2', use_swiglu_ffn: true },
    /use_swiglu_ffn to true, which means MLPs with a gate, .*; this vision transformer does not/,
  ],
  'a size of heads of its own': [{ head_dim: 12 }, /head_dim to 12, which means heads of another/],
  'several classes of one picture': [
    { problem_type: 'multi_label_classification' },
    /a loss other than that of one class of several/,
  ],
  'pictures that are no squares': [
    { image_size: [8, 12] },
    /image_size: must be a number, or two equal ones/,
  ],
  'patches that are no squares': [{ patch_size: [2, 4] }, /patch_size: must be a number, or two/],
  'a picture smaller than its patches': [
    { image_size: 3 },
    /image_size is 3; it must be at least patch_size, 4/,
  ],
  'a fraction of a width': [{ model_type: 'dinov2', mlp_ratio: 1.5 }, /mlp_ratio: /],
  'an unknown activation': [{ hidden_act: 'silu' }, /hidden_act is "silu"; it must be gelu, /],
  'heads that do not divide': [
    { num_attention_heads: 5 },
    /hidden_size is 24; it must be a multiple of num_attention_heads, 5/,
  ],
  'one class': [{ num_labels: 1 }, /the head has 1 classes; it must have from 2 to 65536/],
  'a class of another task': [
    { model_type: 'dinov2', architectures: ['Dinov2Backbone'] },
    /architectures\[0\] is "Dinov2Backbone", model_type is "dinov2"/,
  ],
  'another model': [{ model_type: 'beit' }, /model_type is "beit"; vision transformers that work/],
  'a size without bounds': [{ patch_size: 2 ** 30 }, /patch_size: /],
} as const;

for (const [what, [changes, message]] of Object.entries(refusals)) {
  test(`${what}: one sentence`, (t) => {
    const error = t.throws(() => readVisionConfig({ ...small, ...changes }), {
      instanceOf: UserError,
      message,
    });
    t.false(error.message.includes('\n'));
  });
}
