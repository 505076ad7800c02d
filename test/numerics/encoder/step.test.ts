// A step of an encoder with a head for classes: its gradients against finite differences, and that
// packing, padding, micro-batches and tapes change nothing.
import test from 'ava';
import { type EncoderName, encoderNames } from '../../../worker/encoder/families.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel, type ModelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import {
  factorsSeeDenseGradients,
  gradientsAreSlopes,
  losesOnlyRounding,
  refusesTeacher,
  reordered,
  tapesAreAlike,
  togetherAsAlone,
  toyLora,
} from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { classSequence, encoderSource, toyExamples } from '../../toy/encoder.ts';

test.before(() => setThreads(1));

interface Built {
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly source?: ModelSource;
}

function anEncoder(
  name: EncoderName,
  { dtype = 'float64', adapter = null, changes = {}, source }: Built = {},
): Model {
  return buildModel(source ?? encoderSource(name, changes), {
    ...{ dtype, adapter, sequenceLength: 16 },
    trains: ({ place }) => adapter === null || place === 'head',
  });
}

const packed = [classSequence(toyExamples, { padding: 2 })];
const variants = {
  bert: {},
  roberta: {},
  'bert with relu': { hidden_act: 'relu' },
  'bert with gelu_new': { hidden_act: 'gelu_new' },
} as const;

for (const [title, changes] of Object.entries(variants)) {
  const name = encoderNames.find((each) => title.startsWith(each)) ?? 'bert';
  test(`the gradient of every tensor of ${title} is the slope of the loss`, (t) => {
    const model = anEncoder(name, { changes });
    using _parameters = model.parameters;
    gradientsAreSlopes(t, model, packed);
  });
}

for (const name of encoderNames) {
  test(`${name} has the same bits with every mode of tape`, (t) => {
    const model = anEncoder(name);
    using _parameters = model.parameters;
    tapesAreAlike(t, model, packed);
  });

  test(`examples of ${name} in one bin, with padding, are the examples alone`, (t) => {
    const model = anEncoder(name);
    using _parameters = model.parameters;
    const apart = toyExamples.map((example, key) => classSequence([example], { key }));
    togetherAsAlone(t, model, apart, [classSequence(toyExamples)]);
    // Longer than the table of positions.
    togetherAsAlone(t, model, apart, [classSequence(toyExamples, { padding: 30 })]);
  });

  test(`a step of LoRA on query and value of ${name} is that of full fine-tuning through its factors`, (t) => {
    const targets = (path: string) => /\.(query|value)$/.test(path);
    const adapter = toyLora(targets, 'float64');
    const full = anEncoder(name);
    using _full = full.parameters;
    const adapted = anEncoder(name, { adapter });
    using _adapted = adapted.parameters;
    const whole = gradientsOf(full, packed);
    const factors = gradientsOf(adapted, packed);
    const paths = [0, 1].flatMap((layer) =>
      ['query', 'value'].map((role) => `${name}.encoder.layer.${layer}.attention.self.${role}`),
    );
    const heads = full.parameters.trainedAt('head').map((one) => one.name);
    t.deepEqual(
      [...factors.gradients.keys()].sort(),
      [
        ...paths.flatMap((path) => [`${path}.lora_A.weight`, `${path}.lora_B.weight`]),
        ...heads,
      ].sort(),
    );
    factorsSeeDenseGradients(t, adapted, factors, whole, paths);
  });

  test(`${name} in smaller types loses only their rounding`, (t) => {
    const allowed = { float32: 1e-4, bfloat16: 0.2 };
    losesOnlyRounding(t, (dtype) => anEncoder(name, { dtype }), packed, allowed);
  });
}

test('frozen tensors stay in the bfloat16 of their files, and the head trains in float32', (t) => {
  const plain = encoderSource('bert');
  const source: ModelSource = {
    ...plain,
    isBfloat16: () => true,
    load: (name, dtype) => ops.to(ops.to(plain.load(name, 'float32'), 'bfloat16'), dtype),
  };
  const adapter = toyLora((path) => path.endsWith('query'), 'float32');
  const model = anEncoder('bert', { source, adapter, dtype: 'float32' });
  using _parameters = model.parameters;
  t.is(model.parameters.value('bert.embeddings.word_embeddings.weight').dtype, 'bfloat16');
  const wide = anEncoder('bert', {
    source: { ...source, isBfloat16: () => false },
    adapter,
    dtype: 'float32',
  });
  using _wide = wide.parameters;
  t.deepEqual(gradientsOf(model, packed), gradientsOf(wide, packed));
});

test('adapters go to the linear layers of the blocks by their module paths', (t) => {
  const paths = linearLayers(encoderSource('roberta').config).map(({ path }) => path);
  t.is(paths.length, 12);
  t.true(paths.includes('roberta.encoder.layer.1.attention.self.query'));
  t.false(paths.some((path) => path.startsWith('classifier')));
});

test('micro-batches without a label add nothing', (t) => {
  const model = anEncoder('bert');
  using _parameters = model.parameters;
  const silent = classSequence([], { padding: 5, key: 3 });
  const alone = gradientsOf(model, packed);
  const beside = gradientsOf(model, [...packed, silent]);
  t.is(stepGap(alone, beside), 0);
});

test('held-out loss and accuracy are those of the classes', async (t) => {
  const model = anEncoder('bert');
  using _parameters = model.parameters;
  const found = await heldOutLoss(model, packed, () => false);
  const { loss } = gradientsOf(model, packed);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 3);
  t.is(found?.sums.length, 4, 'one for each document, and padding');
  t.is(found?.sums.at(-1), 0);
  // Each class in turn is the right one for exactly one of three labels.
  const shares = [0, 1, 2].map(async (label) => {
    const relabelled = classSequence(toyExamples.map((example) => ({ ...example, label })));
    return (await heldOutLoss(model, [relabelled], () => false))?.accuracy ?? Number.NaN;
  });
  const sum = (await Promise.all(shares)).reduce((total, share) => total + share, 0);
  t.true(Math.abs(sum - 1) <= reordered);
});

test('an objective that a teacher gives is refused in a sentence', (t) => {
  const model = anEncoder('bert');
  using _parameters = model.parameters;
  const sentence = /the model is a bert, which learns from the classes of its data alone/;
  refusesTeacher(t, model, packed, sentence);
});
