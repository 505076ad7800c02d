// A step of a vision transformer with a head for classes: its gradients against finite differences,
// also where positions are resized, and that packing, padding, micro-batches and tapes change
// nothing.
import test from 'ava';
import { mergeSequences } from '../../../worker/data/merge-sequences.ts';
import { buildModel, type ModelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import { visionConfig } from '../../../worker/vision/config.ts';
import { type VisionName, visionNames } from '../../../worker/vision/families.ts';
import {
  factorsSeeDenseGradients,
  gradientsAreSlopes,
  losesOnlyRounding,
  refusesTeacher,
  reordered,
  tapesAreAlike,
  toyLora,
} from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import {
  type Picture,
  pictureSequence,
  toyPictures,
  visionSource,
  widePictures,
} from '../../toy/vision.ts';

test.before(() => setThreads(1));

interface Built {
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly source?: ModelSource;
}

function aModel(
  name: VisionName,
  { dtype = 'float64', adapter = null, changes = {}, source }: Built = {},
): Model {
  return buildModel(source ?? visionSource(name, changes), {
    ...{ dtype, adapter, sequenceLength: 64 },
  });
}

const sequenceOf = (
  model: Pick<Model, 'config'>,
  pictures: readonly Picture[],
  options?: { readonly key?: number; readonly padding?: number },
) => pictureSequence(visionConfig(model.config), pictures, options);

const variants = {
  vit: [{}, toyPictures],
  deit: [{}, toyPictures],
  dinov2: [{}, toyPictures],
  'vit of wide pictures': [{}, widePictures],
  'deit of wide pictures': [{}, widePictures],
  'dinov2 of wide pictures': [{}, widePictures],
  'vit without biases of queries': [{ qkv_bias: false, hidden_act: 'relu' }, toyPictures],
} as const;

for (const [title, [changes, pictures]] of Object.entries(variants)) {
  const name = visionNames.find((each) => title.startsWith(each)) ?? 'vit';
  test(`the gradient of every tensor of ${title} is the slope of the loss`, (t) => {
    const model = aModel(name, { changes });
    using _parameters = model.parameters;
    const packed = [sequenceOf(model, pictures, { padding: 2 })];
    gradientsAreSlopes(t, model, packed);
  });
}

for (const name of visionNames) {
  test(`${name} has the same bits with every mode of tape`, (t) => {
    const model = aModel(name);
    using _parameters = model.parameters;
    const packed = [
      sequenceOf(model, toyPictures, { padding: 2 }),
      sequenceOf(model, widePictures, { key: 1 }),
    ];
    tapesAreAlike(t, model, packed);
  });

  test(`pictures of ${name} in one bin, with padding, are the pictures alone`, (t) => {
    const model = aModel(name);
    using _parameters = model.parameters;
    const each = toyPictures.map((picture, key) => sequenceOf(model, [picture], { key }));
    const alone = gradientsOf(model, each);
    const variants = {
      together: sequenceOf(model, toyPictures),
      padded: sequenceOf(model, toyPictures, { padding: 30 }),
      merged: mergeSequences(each, 3)[0],
    };
    for (const [how, sequence] of Object.entries(variants)) {
      const gap = sequence && stepGap(alone, gradientsOf(model, [sequence]));
      t.true((gap ?? 1) <= reordered, `${how}: ${gap}`);
    }
  });

  test(`a picture of ${name} without a class changes nothing about the others`, (t) => {
    const model = aModel(name);
    using _parameters = model.parameters;
    const unlabelled = sequenceOf(model, toyPictures);
    const first = unlabelled.offsets[1] ?? 0;
    unlabelled.labels[first] = -100;
    const [one, , three] = toyPictures;
    const without = sequenceOf(
      model,
      [one, three].flatMap((picture) => picture ?? []),
    );
    const gap = stepGap(
      gradientsOf(model, [without]),
      gradientsOf(model, [{ ...unlabelled, targetCount: 2 }]),
    );
    t.true(gap <= reordered, `${gap}`);
  });

  test(`a step of LoRA on ${name} trains its factors and the layer of classes alone`, (t) => {
    const targets = (path: string) => /\.(q_proj|fc2)$/.test(path);
    const adapter = toyLora(targets, 'float64');
    const full = aModel(name);
    using _full = full.parameters;
    const adapted = aModel(name, { adapter });
    using _adapted = adapted.parameters;
    const packed = [sequenceOf(full, toyPictures)];
    const whole = gradientsOf(full, packed);
    const factors = gradientsOf(adapted, packed);
    const paths = [...factors.gradients.keys()].flatMap((each) =>
      each.endsWith('.lora_B.weight') ? [each.slice(0, -'.lora_B.weight'.length)] : [],
    );
    t.is(paths.length, 4);
    t.deepEqual([...factors.gradients.keys()].filter((each) => !each.includes('lora')).sort(), [
      'classifier.bias',
      'classifier.weight',
    ]);
    factorsSeeDenseGradients(t, adapted, factors, whole, paths);
  });

  test(`${name} in smaller types loses only their rounding`, (t) => {
    const allowed = { float32: 1e-4, bfloat16: 0.2 };
    const packed = [sequenceOf(visionSource(name), widePictures, { padding: 1 })];
    losesOnlyRounding(t, (dtype) => aModel(name, { dtype }), packed, allowed);
  });

  test(`micro-batches without a picture add nothing to ${name}, and have all gradients`, (t) => {
    const model = aModel(name);
    using _parameters = model.parameters;
    const packed = [sequenceOf(model, toyPictures)];
    const silent = sequenceOf(model, [], { padding: 5, key: 3 });
    const beside = gradientsOf(model, [...packed, silent]);
    t.is(stepGap(gradientsOf(model, packed), beside), 0);
    const none = gradientsOf(model, [silent]).gradients;
    t.deepEqual([...none.keys()].sort(), [...beside.gradients.keys()].sort());
    t.true([...none.values()].flat().every((g) => g === 0));
  });
}

test('frozen tensors in the bfloat16 of their files compute as wide ones', (t) => {
  const plain = visionSource('dinov2');
  const source: ModelSource = {
    ...plain,
    isBfloat16: () => true,
    load: (name, dtype) => ops.to(ops.to(plain.load(name, 'float32'), 'bfloat16'), dtype),
  };
  const adapter = toyLora((path) => path.endsWith('q_proj'), 'float32');
  const model = aModel('dinov2', { source, adapter, dtype: 'float32' });
  using _parameters = model.parameters;
  t.is(model.parameters.value('dinov2.embeddings.position_embeddings').dtype, 'bfloat16');
  const wide = aModel('dinov2', {
    source: { ...source, isBfloat16: () => false },
    adapter,
    dtype: 'float32',
  });
  using _wide = wide.parameters;
  const packed = [sequenceOf(model, widePictures)];
  t.deepEqual(gradientsOf(model, packed), gradientsOf(wide, packed));
});

test('held-out loss and accuracy are those of the classes', async (t) => {
  const model = aModel('dinov2');
  using _parameters = model.parameters;
  const packed = [sequenceOf(model, toyPictures, { padding: 3 })];
  const found = await heldOutLoss(model, packed, () => false);
  const { loss } = gradientsOf(model, packed);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 3);
  t.is(found?.sums.length, 4, 'one for each picture, and padding');
});

test('an objective that a teacher gives is refused in a sentence', (t) => {
  const model = aModel('vit');
  using _parameters = model.parameters;
  const sentence = /the model is a vit, which learns from the classes of its data alone/;
  refusesTeacher(t, model, [sequenceOf(model, toyPictures)], sentence);
});
