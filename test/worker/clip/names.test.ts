import test from 'ava';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { adaptedLinears, parametersOf } from '../../../crds/plan/parameters.ts';
import { readClipConfig } from '../../../worker/clip/config.ts';
import { clipName, clipNameInFiles, clipTensors } from '../../../worker/clip/names.ts';
import { confirmTensors } from '../../../worker/decoder/confirm.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { inletsOf, stageOf, valuesOf } from '../../../worker/families/family.ts';
import { clipJson } from '../../toy/clip-json.ts';

for (const [name, texts, pictures] of [
  ['clip', 3, 2],
  ['dual', 2, 2],
] as const) {
  const config = readClipConfig(clipJson(name));
  const specs = clipTensors(config);

  test(`tensors of ${name} lie place by place, with a place between the towers`, (t) => {
    const places = placesOf(config);
    const numbers = Array.from({ length: texts + pictures }, (_, layer) => layer);
    t.deepEqual(places.order, [
      ...['text', ...numbers.slice(0, texts)],
      ...['pictures', ...numbers.slice(texts), 'head'],
    ]);
    t.deepEqual(inletsOf(places), ['text', 'pictures']);
    t.deepEqual([stageOf(places, texts - 1), stageOf(places, texts)], [0, 1]);
    t.is(new Set(specs.map((spec) => spec.name)).size, specs.length);
  });

  test(`files of ${name} have all of its tensors and no others`, (t) => {
    const files = new Map(
      specs.map((spec) => [
        clipNameInFiles(spec.name, config),
        { shape: spec.shape, file: 'model.safetensors' },
      ]),
    );
    files.set('text_model.embeddings.position_ids', { shape: [1, 9], file: 'model.safetensors' });
    t.is(confirmTensors(config, files, 'm').tensors.size, specs.length);
    for (const spec of specs) t.is(clipName(clipNameInFiles(spec.name, config), config), spec.name);
  });

  test(`the plan counts the values of ${name}, and layers of both towers`, (t) => {
    const facts = factsOf(config);
    t.is(parametersOf(facts).total, parameterCount(config));
    const layers = specs.filter(
      ({ kind, place }) => kind === 'linear' && typeof place === 'number',
    );
    t.is(layers.length, 6 * (texts + pictures));
    const values = linearsOf(facts).reduce(
      (sum, one) => sum + one.out * one.in * one.share * config.L,
      0,
    );
    const all = valuesOf(layers);
    t.true(Math.abs(values - all) < 1e-6);
    t.is(adaptedLinears(facts, ['AllLinear']).length, 12);
  });
}

test('layers of a tower are named as in PEFT', (t) => {
  const facts = factsOf(readClipConfig(clipJson('clip')));
  const named = adaptedLinears(facts, ['q_proj']).map(({ path }) => path);
  t.deepEqual(named, [
    'text_model.encoder.layers.0.self_attn.q_proj',
    'vision_model.encoder.layers.0.self_attn.q_proj',
  ]);
});
