// Training on frozen weights that are stored in fewer bits: what is stored and what is not, that it
// learns, that stopping changes nothing, and what comes out.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Method } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { axisEntries } from '../../../crds/methods/index.ts';
import { quantizedBlock, storesFrozen } from '../../../crds/plan/quantized-base.ts';
import { matrixBytes } from '../../../crds/plan/quantized-matrix.ts';
import { verifyCheckpoint } from '../../../worker/checkpoint/folder.ts';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { Parameters } from '../../../worker/engine/parameters.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { weightStoreOf } from '../../../worker/methods/weights/store-of.ts';
import { denseCopy, isQuantized } from '../../../worker/methods/weights/weight-store.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { item, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { learnsByHeart } from '../../builders/learns-by-heart.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import { aToyModel, countUp, Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../builders/training.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

test.before(() => setThreads(1));

type Base = NonNullable<Method['base']>;
const bases = {
  'NF4, double quantised': { type: 'NF4', nf4: { blockSize: 32 } },
  NF4: { type: 'NF4', nf4: { blockSize: 32, scales: 'Float32' } },
  'Int8 by rows': { type: 'Int8' },
  'Int8 in groups': { type: 'Int8', int8: { groupSize: 32 } },
  Int4: { type: 'Int4', int4: { groupSize: 32 } },
  'symmetric Int4': { type: 'Int4', int4: { groupSize: 32, range: 'Symmetric' } },
} as const satisfies Readonly<Record<string, Base>>;
const allBases = Object.entries(bases) as readonly (readonly [string, Base])[];

const methodOf = (base: Base) => resolveMethod({ adapter: { type: 'LoRA' }, base });
const storeOf = (base: Base) => weightStoreOf(methodOf(base));

/** Inputs of its layers are whole groups of 32. */
const config = { hidden_size: 64, intermediate_size: 96 };

function anAdapter(dtype: 'float32' | 'float64' = 'float32', dropout = 0) {
  return lora({
    ...{ rank: 4, alpha: 8, dropout, scaling: 'Standard', learningRateRatio: 2 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype },
  });
}

function onBase(base: Base, dtype: DType = 'float32', dropout = 0): TrainingOptions {
  return { dtype, config, adapter: anAdapter('float32', dropout), store: storeOf(base) };
}

test('every member of the contract has a store of its name', (t) => {
  for (const { type } of axisEntries.base) {
    t.is(weightStoreOf(resolveMethod({ base: { type } as never })).name, type);
  }
});

const holds = test.macro({
  exec(t, _: string, base: Base) {
    const model = aToyModel(onBase(base));
    using _parameters = model.parameters;
    const plain = aToyModel({ config });
    using _plain = plain.parameters;
    let bytes = 0;
    for (const { name, shape, value, role } of model.parameters.all()) {
      if (role !== 'frozen') continue;
      const original = plain.parameters.value(name);
      t.deepEqual(shape, original.shape, name);
      const isLinear = /layers\.\d+\.\w+\.\w+_proj\.weight$/.test(name);
      t.is(isQuantized(value), isLinear, name);
      if (!isLinear) continue;
      bytes += value.bytes;
      const [out = 0, inputs = 0] = shape;
      const { base: resolved } = methodOf(base);
      if (!storesFrozen(resolved)) throw new Error('no codes');
      t.is(value.bytes, matrixBytes({ out, in: inputs }, resolved), `${name} by plan`);
    }
    t.is(bytes, model.config.L * quantizedBlock(decoderConfig(model.config), methodOf(base)).bytes);
  },
  title: (_, words) => `${words}: linear layers of blocks are stored so, in the bytes of the plan`,
});
for (const [words, base] of allBases) test(holds, words, base);

/** The model with each weight as the values that it stands for, in the type of the model. */
function decoded(model: Model): Model {
  const parameters = new Parameters();
  for (const parameter of model.parameters.all()) {
    const { value } = parameter;
    const own = isQuantized(value) ? denseCopy(value, model.dtype) : ops.detach(value);
    parameters.add({ ...parameter, value: keep(own) });
  }
  return { ...model, parameters };
}

const sameModel = test.macro({
  exec(t, _: string, base: Base) {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const model = aToyModel(onBase(base, dtype));
      using _parameters = model.parameters;
      scope(() => {
        const other = decoded(model);
        using _decoded = other.parameters;
        const [ours, expected] = [model, other].map((each) =>
          Buffer.from(toBytes(checkLogits(each))),
        );
        t.deepEqual(ours, expected, dtype);
      });
    }
  },
  title: (_, words) => `${words}: logits have the bits of the model of the decoded weights`,
});
for (const [words, base] of allBases) test(sameModel, words, base);

const gradients = test.macro({
  exec(t, _: string, base: Base) {
    const model = aToyModel({ ...onBase(base, 'float64'), adapter: anAdapter('float64') });
    using _parameters = model.parameters;
    const sequences = [aSequence([countUp(0, 9), countUp(3, 4)])];
    scope(() => {
      for (const { name, value } of model.parameters.trained()) {
        // Both factors away from zero, so that both have a gradient.
        if (name.endsWith('lora_B.weight')) {
          const values = Array.from(
            { length: value.numel },
            (_, i) => ((i * 37) % 19) / 100 - 0.09,
          );
          ops.copy_(value, tensor(values, value.shape, 'float64'));
        }
      }
    });
    const { gradients } = gradientsOf(model, sequences);
    const step = 1e-5;
    for (const { name, value } of model.parameters.trained().filter((_, i) => i % 5 === 0)) {
      scope(() => {
        const place = ops.select(ops.view(value, [-1]), 0, 1);
        const before = item(place);
        const lossAt = (x: number) => {
          ops.fill_(place, x);
          return gradientsOf(model, sequences).loss;
        };
        const slope = (lossAt(before + step) - lossAt(before - step)) / (2 * step);
        ops.fill_(place, before);
        const found = gradients.get(name)?.[1] ?? Number.NaN;
        // The third derivative times step², and rounding of the loss over the step.
        t.true(
          Math.abs(found - slope) <= 1e-8 + 1e-6 * Math.abs(slope),
          `${name}: ${found} ${slope}`,
        );
      });
    }
  },
  title: (_, words) => `${words}: gradients are those of central differences`,
});
test(gradients, 'NF4, double quantised', bases['NF4, double quantised']);
test(gradients, 'Int4', bases.Int4);

const text = [aSequence([countUp(0, 12)])];
const learns = test.macro({
  exec: (t, _: string, options: TrainingOptions) => learnsByHeart(t, options),
  title: (_, words) => `a toy learns its text by heart on ${words}`,
});
test(learns, 'NF4 in float32', onBase(bases['NF4, double quantised']));
test(learns, 'NF4 in bfloat16 with dropout', onBase(bases.NF4, 'bfloat16', 0.1));
test(learns, 'Int8', onBase(bases['Int8 by rows'], 'bfloat16'));
test(learns, 'Int4', onBase(bases.Int4));

test('the frozen base is the same to the last bit after training, and blocks run again give the same bits', async (t) => {
  const bits: ReadonlyMap<string, Buffer>[] = [];
  for (const mode of ['keep', 'recompute'] as const) {
    using training = new Training({ ...onBase(bases.NF4, 'bfloat16', 0.2), mode, batches: [text] });
    const frozen = () =>
      training.model.parameters
        .all()
        .filter(({ role }) => role === 'frozen')
        .map(({ value }) => Buffer.from(toBytes(value)));
    const before = frozen();
    await train(training.parts, freshState);
    t.deepEqual(frozen(), before);
    bits.push(training.bits());
  }
  t.deepEqual(bits[0], bits[1]);
});

test('a weight that is not finite is refused by its name', (t) => {
  const withNaN = { ...onBase(bases.NF4), broken: 'model.layers.1.mlp.up_proj.weight' };
  t.throws(() => aToyModel(withNaN), {
    message:
      /^model\.layers\.1\.mlp\.up_proj\.weight has values that are not finite: 1 of \d+ are NaN or infinite$/,
  });
});

function jobOf(base: Base, changes: Partial<ToyJobOptions> = {}): ToyJobOptions {
  return {
    name: 'qlora',
    method: { preset: 'QLoRA', base, adapter: { type: 'LoRA', lora: { rank: 4 } } },
    training: { maxSteps: 6, learningRate: '1e-2' },
    ...changes,
  };
}

const adapterOf = ({ destination }: ToyRun) =>
  readFile(join(destination, 'adapter/adapter_model.safetensors'));

test('a run leaves its adapter, a merged model and a GGUF file, each read back; its checkpoint holds the adapter alone', async (t) => {
  const formats = ['PEFTAdapter', 'MergedSafetensors', 'GGUF'];
  const run = await aToyRun(t, jobOf(bases['NF4, double quantised'], { formats }));
  const report = await run.all();
  t.deepEqual(
    report.artifacts.map(({ format }) => format),
    formats,
  );
  const [adapter, merged, gguf] = report.artifacts.map(({ reload }) => reload);
  t.is(adapter?.largestLogitGap, 0);
  for (const reload of [merged, gguf]) {
    t.true((reload?.largestLogitGap ?? 0) > 0, 'rounding to bfloat16 is told');
    t.true((reload?.klDivergence ?? 9) <= (reload?.allowedDivergence ?? 0));
  }
  const { checkpoint } = await run.trained();
  const { tensors, base } = await verifyCheckpoint(checkpoint);
  t.true(tensors.every(({ name }) => /\.lora_[AB]\.weight(#\w+)?$/.test(name)));
  t.is(base, (await run.prepared()).model.digest);
  t.regex(report.job.summary, /of an NF4 base/);
  const card = await readFile(join(run.destination, 'adapter/README.md'), 'utf8');
  t.regex(card, /trained on the base in NF4/);
  const { memory } = report;
  t.true((memory.predicted?.peak ?? 0) > 0);
});

test('a merged model is the decoded base and the change, not the original and the change', async (t) => {
  const method = { precision: { type: 'Float32' } };
  const job = jobOf(bases.Int4, { formats: ['MergedSafetensors'] });
  const run = await aToyRun(t, { ...job, method: { ...job.method, ...method } });
  await run.all();
  using base = openModel((await run.prepared()).model.path);
  using merged = openModel(join(run.destination, 'merged'));
  const { quantize } = storeOf(bases.Int4);
  const name = 'model.layers.0.mlp.gate_proj.weight';
  scope(() => {
    const original = base.load(name, { dtype: 'float32' });
    const found = merged.load(name, { dtype: 'float32' });
    const decoded = denseCopy(quantize!(original), 'float32');
    // What the adapter adds has rank 4: from its fifth singular value on there is rounding alone.
    const beyond = (from: typeof original) => {
      const [, values] = ops.linalgSvd(ops.sub(found, from));
      return toArray(values)
        .slice(4)
        .reduce((sum, x) => sum + x * x, 0);
    };
    t.true(beyond(decoded) < 1e-6 * beyond(original), `${beyond(decoded)} ${beyond(original)}`);
  });
});

test('a run that is stopped goes on to the bits of one that was not', async (t) => {
  const job = jobOf(bases['NF4, double quantised'], { checkpoint: { intervalSteps: 2 } });
  const run = await aToyRun(t, job);
  await run.prepare();
  run.onMessage = (message) => {
    if (message.type === 'step' && message.step === 3) run.stop();
  };
  await t.throwsAsync(run.train(), { name: 'AbortError' });
  run.startAgain();
  const report = await run.all();
  t.is(run.ofType('plan')[0]?.firstStep, 3);
  const whole = await aToyRun(t, job);
  const expected = await whole.all();
  t.deepEqual(report.evaluation, expected.evaluation);
  t.deepEqual(await adapterOf(run), await adapterOf(whole));
});

test('a block size that does not divide a layer ends a run with a sentence, before anything is loaded', async (t) => {
  const run = await aToyRun(t, jobOf({ type: 'NF4' }));
  await run.prepare();
  await t.throwsAsync(run.train(), {
    message:
      'spec.method.base.nf4.blockSize is 64; it must divide the inputs of each linear layer, and down_proj of this model has 96',
  });
});
