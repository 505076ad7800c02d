import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { confirmTensors, type FoundTensor } from '../../../worker/decoder/confirm.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { readVisionConfig } from '../../../worker/vision/config.ts';
import { type VisionName, visionFamilies, visionNames } from '../../../worker/vision/families.ts';
import { visionTensors } from '../../../worker/vision/names.ts';

const sizes = {
  ...{ hidden_size: 24, intermediate_size: 36, mlp_ratio: 2, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, image_size: 12, patch_size: 4 },
};
const configOf = (model_type: VisionName, labels = 3, changes: object = {}) =>
  readVisionConfig({ ...sizes, ...changes, model_type }, { labels });

function filed(of: VisionName, nameInFile = (name: string) => name): Map<string, FoundTensor> {
  const config = configOf(of);
  return new Map(
    visionTensors(config).map(({ name, shape }) => [
      nameInFile(name),
      { shape, file: 'model.safetensors' },
    ]),
  );
}

const head = ['classifier.weight', 'classifier.bias'];

for (const name of visionNames) {
  const config = configOf(name);

  test(`tensors of ${name} lie place by place, from the patches to the head`, (t) => {
    const specs = visionTensors(config);
    t.deepEqual(placesOf(config), {
      ...{ order: ['embedding', 0, 1, 'head'], inlet: 'embedding', outlet: 'head' },
      isTied: false,
    });
    t.is(new Set(specs.map((spec) => spec.name)).size, specs.length);
    t.deepEqual(
      specs.filter(({ place }) => place === 'head').map((spec) => spec.name),
      [`${name}.layernorm.weight`, `${name}.layernorm.bias`, ...head],
    );
    for (const { name: each, kind, shape, place } of specs) {
      if (typeof place === 'number') t.is(shape.length, kind === 'linear' ? 2 : 1, each);
    }
  });

  test(`the head of ${name} is made where the files lack it, and whole beside an adapter`, (t) => {
    const found = filed(name);
    for (const each of head) found.delete(each);
    t.deepEqual(confirmTensors(config, found, 'm').made, head);
    const width = name === 'dinov2' ? 48 : 24;
    const facts = factsOf(config);
    t.is(facts.kind === 'vision' && facts.whole, 3 * width + 3);
  });

  test(`plans count the values that the tensors of ${name} have`, (t) => {
    for (const changes of [{}, { qkv_bias: false }]) {
      const of = configOf(name, 5, changes);
      const facts = factsOf(of);
      const { total, embedding } = parametersOf(facts);
      t.is(total, parameterCount(of));
      const own = visionFamilies[name].prefix.length;
      t.is(embedding, 24 * (own + own + 9 + 3 * 16 + 1));
      t.deepEqual(
        linearsOf(facts).map(({ path, out, in: inputs }) => [`${path}.weight`, [out, inputs]]),
        visionTensors(of)
          .filter(({ place, kind }) => place === 0 && kind === 'linear')
          .map((spec) => [spec.name, spec.shape]),
      );
    }
  });

  test(`a head of ${name} for other classes is refused in one sentence with a hint`, (t) => {
    const error = t.throws(() => confirmTensors(configOf(name, 5), filed(name), 'm'), {
      instanceOf: UserError,
      message: /the head of m is for another task: classifier\.weight is \[3, (24|48)\]/,
    });
    t.regex(error.hint ?? '', /a head that they lack is made/);
  });
}

test('published sizes: ViT base 16 has 86,567,656 parameters, DINOv2-S 22,056,576 without a head', (t) => {
  t.is(parameterCount(readVisionConfig({ model_type: 'vit' }, { labels: 1000 })), 86_567_656);
  const small = { model_type: 'dinov2', hidden_size: 384, num_attention_heads: 6, image_size: 518 };
  // The file has a token for masked patches, which classification does not use.
  t.is(parameterCount(readVisionConfig(small)) - (2 * 2 * 384 + 2) + 384, 22_056_576);
});
