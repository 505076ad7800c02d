// A real network that enlarges pictures, trained for some steps as a person would: the module of
// its authors and PEFT restore the same pictures from what was published as the checkpoint here.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decodeImage } from '../../worker/data/images/decode.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { colourPng } from '../builders/pictures.ts';
import { srvgg } from '../setup/srvgg.ts';
import { pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, restoredBy } from './same-numbers.ts';
import { trainedModel, trainJob } from './train-job.ts';

const size = { height: 8, width: 6 };
const batch = pairSequence([1], { ...size, scale: 4 });
/** Float32 here and float64 there, on values of 1 behind 18 convolutions. */
const rounding = 2e-5;

test('SRVGG learns of pictures by CoLoRA, and PEFT and its own module restore what it learned', async (t) => {
  t.timeout(10 * 60_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-srvgg-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const base = await srvgg();
  await mkdir(join(folder, 'pictures'));
  for (let i = 0; i < 6; i += 1) {
    await writeFile(join(folder, 'pictures', `${i}.png`), colourPng(i, 50 + i, 60 - i));
  }
  const run = await trainJob(folder, 'judged', {
    model: { source: { local: { path: base } }, task: 'Restoration' },
    dataset: {
      ...{ train: { local: { path: 'pictures' } }, heldOut: { samples: 2 } },
      restoration: { crop: 12, degradations: [{ noise: 8 }, { jpeg: 60 }], order: 'Random' },
    },
    method: {
      ...{ preset: 'CoLoRA', precision: { type: 'Float32' } },
      adapter: { type: 'CoLoRA', coLora: { probeSteps: 2, intervals: 2 } },
    },
    training: { maxSteps: 4, globalBatchSize: 4, microBatchSize: 2, learningRate: '2e-3' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats: ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'],
      destination: { local: { path: 'judged' } },
    },
  });
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  const ours = restoredBy(model, batch, size);
  const valuesOf = (name: string) => [...(batch.values?.[name]?.values ?? [])];
  const gapTo = (theirs: readonly number[]) => largestGap(ours, theirs);

  const adapters = ['adapter', 'uniform-adapter'].map((name) => join(run.result, name));
  const beside = join(folder, 'beside.safetensors');
  const sides = [String(size.height), String(size.width)];
  const input = JSON.stringify(valuesOf('input'));
  await askPeer('conv_lora_peer.py', [beside, base, ...sides, input, JSON.stringify(adapters)]);
  const merged = join(folder, 'merged.safetensors');
  const whole = { path: join(run.result, 'merged'), ...size };
  const request = { whole: { ...whole, input: valuesOf('input'), target: valuesOf('target') } };
  await askPeer('restoration_peer.py', [merged, JSON.stringify(request)]);
  scope(() => {
    using of = openSafetensors(beside);
    t.true(gapTo(toArray(of.load('base'))) > 1e-3, 'it learned something');
    for (const name of ['0.restored', '0.merged', '1.restored', '1.merged']) {
      const gap = gapTo(toArray(of.load(name)));
      t.true(gap <= rounding, `${name}: ${gap}`);
    }
    using own = openSafetensors(merged);
    const gap = gapTo(toArray(own.load('whole.restored')));
    t.true(gap <= rounding, `merged: ${gap}`);
  });
  // Inputs of 12 x 12 pixels, drawn as large as what is made of them, and white between the three.
  const strips = await readdir(join(run.result, 'before-after'));
  t.deepEqual(strips.sort(), ['1.png', '2.png']);
  const strip = decodeImage(await readFile(join(run.result, 'before-after/1.png')));
  t.deepEqual([strip.width, strip.height], [3 * 48 + 8, 48]);
  const config = JSON.parse(
    await readFile(join(run.result, 'adapter/adapter_config.json'), 'utf8'),
  );
  t.is(config.task_type, null);
  t.is(config.target_modules.length, 16);
  t.true(Object.keys(config.rank_pattern).length > 0, 'ranks differ');
});
