// Files without a head: what is made in its place, and what the model then is.
import test from 'ava';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { gradientsOf } from '../../builders/training.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { classSequence, makeEncoder, toyExamples } from '../../toy/encoder.ts';

/** The encoder alone, by its bare names. */
const bare = (name: string): string | null =>
  name.startsWith('classifier') ? null : name.replace(/^bert\./, '');
const made = ['classifier.weight', 'classifier.bias'];

test('a head is drawn by its name and the seed alone, and is not of the files', async (t) => {
  await using folder = await temporaryFolder();
  const path = await makeEncoder(folder.path, 'bert', {
    ...{ inFile: bare, config: { hidden_size: 192, initializer_range: 0.05 } },
  });
  const before = liveHandles();
  {
    using one = openModel(path, { seed: 3n });
    using same = openModel(path, { seed: 3 });
    using other = openModel(path, { seed: 4n });
    using wider = openModel(path, { seed: 3n, labels: 7 });
    t.deepEqual(one.headers.made, made);
    t.deepEqual(one.tensorNames.slice(-4), [
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      ...made,
    ]);
    t.false(one.headers.tensors.has('classifier.weight'));
    scope(() => {
      const bytes = (from: typeof one) => Buffer.from(toBytes(from.load('classifier.weight')));
      t.deepEqual(bytes(same), bytes(one));
      t.notDeepEqual(bytes(other), bytes(one));
      t.deepEqual(wider.load('classifier.weight').shape, [7, 192]);
      t.deepEqual(toArray(one.load('classifier.bias')), [0, 0, 0]);
      const values = toArray(one.load('classifier.weight'));
      t.deepEqual(toArray(one.load('classifier.weight', { rows: [1, 2] })), values.slice(192, 384));
      const wide = toArray(one.load('classifier.weight', { dtype: 'float64' }));
      t.deepEqual(wide, values);
      t.is(one.load('classifier.weight', { dtype: 'bfloat16' }).dtype, 'bfloat16');
      // 576 values: the deviation is known to 1 / sqrt(2 * 576) = 3 percent of itself.
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      t.true(Math.abs(deviation - 0.05) < 4 * 0.03 * 0.05, `${deviation}`);
    });
    t.is(one.digest(), same.digest());
    t.not(one.digest(), other.digest(), 'checkpoints of another head are of another base');
  }
  t.is(liveHandles(), before);
});

test('a model with a head that is made trains from near equal chances', async (t) => {
  await using folder = await temporaryFolder();
  using files = openModel(await makeEncoder(folder.path, 'bert', { inFile: bare }));
  const options = { dtype: 'float32', adapter: null, sequenceLength: 16 } as const;
  const model = buildModel(modelSource(files), options);
  using _parameters = model.parameters;
  t.is(model.parameters.get('classifier.weight').role, 'trained');
  const { loss, gradients } = gradientsOf(model, [classSequence(toyExamples)]);
  // Logits are sums of 24 products of at most 1 and 0.02 each: 0.1, and hardly 0.5.
  t.true(Math.abs(loss - Math.log(3)) < 0.5, `${loss}`);
  t.true(made.every((name) => (gradients.get(name) ?? []).some((g) => g !== 0)));
});

test('the digest of a model without made tensors is that of its files alone', async (t) => {
  await using folder = await temporaryFolder();
  const path = await makeEncoder(folder.path, 'roberta');
  using one = openModel(path, { seed: 1 });
  using other = openModel(path, { seed: 2 });
  t.is(one.digest(), other.digest());
});
