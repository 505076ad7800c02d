// Results in the layout of compressed-tensors, read by that package and by transformers: the values
// that integers stand for, to the last bit, and logits.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { quantization } from '../../crds/api/quantization.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { linearLayers } from '../../worker/engine/adapted-layers.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { weightOnGrid } from '../../worker/engine/on-grid.ts';
import { openSafetensors, type SafetensorsFile } from '../../worker/files/safetensors.ts';
import type { ArtifactFacts } from '../../worker/publish/artifact.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { quantizedArtifact } from '../../worker/publish/quantized-artifact.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainToy } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-integers-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const jobs = {
  // Codes straddle words, and zero points are packed by columns.
  'l4q-3bit': {
    method: { preset: 'L4Q', precision: { type: 'Float32' } },
    grid: { bits: 3, groupSize: 32 },
  },
  'qat-4bit-rows': {
    method: { preset: 'Full' },
    grid: { bits: 4, strategy: 'Channel', range: 'Symmetric' },
  },
};

test('int21: PEFT gives the logits of training on the integers that the adapter was trained beside', async (t) => {
  t.timeout(10 * 60_000);
  const integer = { bits: 2, groupSize: 32, calibrationSequences: 4 };
  const run = await trainToy(folder, 'int21', {
    ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 4 },
    formats: ['PEFTAdapter', 'CompressedTensors'],
    method: {
      ...{ preset: 'INT21', precision: { type: 'Float32' } },
      base: { type: 'Integer', integer },
    },
  });
  using files = openModel(run.base);
  const ids = [...checkIds(files.config.V)];
  const out = join(folder, 'int21.safetensors');
  const places = ['compressed-tensors', 'adapter'].map((each) => join(run.result, each));
  const [base = '', adapter = ''] = places;
  await askPeer('compressed_tensors_peer.py', [JSON.stringify(ids), `${base}:${adapter}`, out]);
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  using theirs = openSafetensors(out);
  scope(() => {
    for (const path of model.adapted.keys()) {
      const name = `${path}.weight`;
      const own = ops.dequantizeWeight(model.parameters.value(name), { dtype: 'float32' });
      t.is(largestGap(own, theirs.load(name)), 0, path);
    }
    const gap = largestGap(checkLogits(model), theirs.load('logits'));
    t.true(gap <= tolerance, `${gap}`);
  });
});

for (const [name, { method, grid }] of Object.entries(jobs)) {
  // One after the other: they write the same training data.
  test.serial(
    `${name}: compressed-tensors and transformers give the weights and logits that were trained`,
    async (t) => {
      t.timeout(10 * 60_000);
      const run = await trainToy(folder, name, {
        ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 4 },
        formats: ['CompressedTensors'],
        method: { ...method, base: { type: 'FakeQuantized', fakeQuantized: grid } },
      });
      using files = openModel(run.base);
      const ids = [...checkIds(files.config.V)];
      const out = join(folder, `${name}.safetensors`);
      const place = join(run.result, 'compressed-tensors');
      await askPeer('compressed_tensors_peer.py', [JSON.stringify(ids), place, out]);
      const model = await trainedModel(run);
      using _parameters = model.parameters;
      using theirs = openSafetensors(out);
      scope(() => {
        const layers = [...(model.onGrid?.layers.values() ?? [])];
        t.is(layers.length, 7 * files.config.L);
        t.is(item(ops.sum(theirs.load('layers'))), layers.length);
        for (const layer of layers) {
          const judged = theirs.load(`${layer.path}.weight`);
          t.is(judged.dtype, model.dtype);
          t.is(largestGap(weightOnGrid(model, layer), judged), 0, layer.path);
        }
        const gap = largestGap(checkLogits(model), theirs.load('logits'));
        t.log(`logits differ by ${gap.toExponential(1)}`);
        // In bfloat16 both round each product, in another order.
        if (model.dtype === 'float32') t.true(gap <= tolerance, `${gap}`);
      });
    },
  );
}

test.serial(
  'layers with bits of their own, made after training, give the logits of what they stand for',
  async (t) => {
    t.timeout(10 * 60_000);
    const name = 'mixed';
    const quantization = {
      ...{ method: 'AdaQuant', iterations: 10, averageBits: '3.5', groupSize: 32 },
      // transformers decodes all layers by the first group where they are made dense, as it
      // must with packed zero points.
      range: 'Symmetric',
      calibrationSequences: 8,
    };
    const run = await trainToy(folder, name, {
      ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 4 },
      method: { preset: 'LoRA', precision: { type: 'Float32' } },
      ...{ formats: ['CompressedTensors'], output: { quantization } },
    });
    using files = openModel(run.base);
    const ids = [...checkIds(files.config.V)];
    const out = join(folder, `${name}.safetensors`);
    const place = join(run.result, 'compressed-tensors');
    const config = JSON.parse(await readFile(join(place, 'config.json'), 'utf8'));
    t.true(Object.keys(config.quantization_config.config_groups).length > 1);
    await askPeer('compressed_tensors_peer.py', [JSON.stringify(ids), place, out]);
    const model = await trainedModel(run);
    using parameters = model.parameters;
    using theirs = openSafetensors(out);
    scope(() => {
      const before = checkLogits(model);
      const layers = linearLayers(files.config);
      t.is(item(ops.sum(theirs.load('layers'))), layers.length);
      for (const { path } of layers) {
        parameters.change(`${path}.weight`, () => ops.clone(theirs.load(`${path}.weight`)));
      }
      // What the adapter learnt is in the integers.
      const ours = checkLogits({ ...model, adapter: null, adapted: new Map() });
      const gap = largestGap(ours, theirs.load('logits'));
      t.log(`logits differ by ${gap.toExponential(1)}`);
      t.true(gap <= tolerance, `${gap}`);
      t.true(largestGap(before, theirs.load('logits')) > 10 * gap);
      parameters.disposeMade();
    });
  },
);

const nearest = { method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 } as const;
const symmetric = { ...nearest, range: 'Symmetric' } as const;

/** As they are made after training. */
const forms = {
  'W8A8 in integers': { ...symmetric, bits: 8, strategy: 'Channel', activations: 'Int8' },
  'W4A8, inputs in integers': { ...symmetric, groupSize: 32, activations: 'Int8' },
  'W4A8, inputs in e4m3': { ...symmetric, groupSize: 32, activations: 'Float8' },
  'W8A8 in e4m3': { ...nearest, weights: 'FP8', activations: 'Float8' },
  'W4A8, ZeroQuant-FP': { ...nearest, weights: 'FP4', groupSize: 32, activations: 'Float8' },
  NVFP4: { ...nearest, weights: 'NVFP4' },
  MXFP4: { ...nearest, weights: 'MXFP4' },
  'W4A4 in integers': { ...symmetric, groupSize: 32, activations: 'Int4' },
} as const;

for (const dtype of ['float32', 'bfloat16'] as const) {
  test(`${dtype}: compressed-tensors has the weights of each form, and rounds inputs as it is compared`, async (t) => {
    t.timeout(10 * 60_000);
    const base = await makeToy(join(folder, `${dtype}-base`), 'llama', {
      config: { hidden_size: 64, intermediate_size: 96 },
    });
    using files = openModel(base);
    const none = { adapter: null, trains: () => false, sequenceLength: 64 };
    const model = buildModel(modelSource(files), { dtype, ...none });
    using _parameters = model.parameters;
    const run = { spec: { dataset: { sequenceLength: 64 } } };
    const facts = { files, model, run } as unknown as ArtifactFacts;
    const made = Object.entries(forms).map(([name, own]) => ({
      ...{ name, out: join(folder, `${dtype} ${name}.safetensors`) },
      place: join(folder, `${dtype} ${name}`),
      writer: quantizedArtifact(facts, 'CompressedTensors', quantization.parse(own), {
        emit: () => {},
        stop: new AbortController().signal,
      }),
    }));
    for (const { place, writer } of made) {
      await mkdir(place);
      await writer.write(place);
    }
    const ids = JSON.stringify([...checkIds(files.config.V)]);
    const pairs = made.flatMap(({ place, out }) => [place, out]);
    await askPeer('compressed_tensors_peer.py', [ids, ...pairs]);
    for (const { name, place, out, writer } of made) {
      const copy = await writer.reload(place, dtype);
      using _copied = copy.parameters;
      using theirs = openSafetensors(out);
      // Values of e2m1 are bfloat16 in its hands, which no model in float32 multiplies.
      const isRun = !(dtype === 'float32' && name.endsWith('FP4'));
      let [worst, least] = [0, Number.POSITIVE_INFINITY];
      scope(() => {
        const layers = linearLayers(files.config);
        t.is(item(ops.sum(theirs.load('layers'))), layers.length);
        for (const { path } of layers) {
          const judged = theirs.load(`${path}.weight`);
          const weight = copy.parameters.value(`${path}.weight`);
          t.is(largestGap(ops.to(weight, judged.dtype), judged), 0, `${name} ${path}`);
          if (!isRun) continue;
          const [off, unrounded] = answersOf(copy, { path, weight }, theirs);
          worst = Math.max(worst, off);
          least = Math.min(least, unrounded);
        }
      });
      // Sums in another order, and in bfloat16 each rounded once.
      t.true(worst <= (dtype === 'float32' ? 1e-5 : 2 ** -9), `${name}: ${worst}`);
      const words = `off by ${worst.toExponential(1)}; without rounding, by ${least.toExponential(1)}`;
      t.log(`${name}: ${isRun ? words : 'weights alone'}`);
      if (copy.precision !== null) t.true(least > 1.5 * 2 ** -9);
      writer.dispose?.();
    }
  });
}

/**
 * How far a layer is from what transformers recorded, for the input that was recorded too: as the
 * copy computes it, and with the input as it is.
 */
function answersOf(
  { precision }: Model,
  { path, weight }: { readonly path: string; readonly weight: Tensor },
  theirs: SafetensorsFile,
): readonly [off: number, unrounded: number] {
  const [x, y] = ['input', 'output'].map((each) => theirs.load(`${path}.${each}`)) as [
    Tensor,
    Tensor,
  ];
  const plain = ops.linear(x, weight, null);
  const [own = plain] = precision?.linears(x, [{ name: path, weight, bias: null }], null) ?? [];
  const normOf = (z: Tensor) => item(ops.linalgVectorNorm(z));
  const off = (z: Tensor) => normOf(ops.sub(z, y)) / normOf(y);
  return [off(own), off(plain)];
}
