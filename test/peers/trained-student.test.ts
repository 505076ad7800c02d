// A model that makes pictures and was trained in few bits, from its job to diffusers: with the
// published weights and tables of inputs, diffusers finds the same noise and makes the same
// pictures.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import {
  firstNoise,
  guidedNoise,
  patchesOnDevice,
  samplePictures,
} from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { fromPatches } from '../../worker/diffusion/patches.ts';
import { readSamplerConfig } from '../../worker/diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeDiffusion } from '../toy/diffusion.ts';
import { askPeer } from './ask-peer.ts';
import { trainHere } from './train-job.ts';

const sizes = { in_channels: 1, out_channels: 1, sample_size: 8, attention_head_dim: 8 };
const classes = [0, 1, 4, 1];
const steps = 10;
const guidance = 1.5;
const time = 500;
const grid = { bits: 4, rows: 5 };
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-student-'));
  await makeDiffusion(join(folder, 'base'), sizes);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('diffusers computes what was trained in few bits and published', async (t) => {
  const run = await trainHere(folder, 'student', {
    model: { source: { local: { path: 'base' } }, task: 'Denoising' },
    method: {
      preset: 'EfficientDM',
      base: {
        type: 'FakeQuantized',
        fakeQuantized: { inputs: { bits: grid.bits, steps: grid.rows } },
      },
      adapter: { type: 'LoRA', lora: { rank: 4, alpha: '4' } },
      precision: { type: 'Float32' },
    },
    training: {
      ...{ trajectory: { steps: grid.rows }, epochs: '3', globalBatchSize: 4, microBatchSize: 4 },
      learningRate: '1e-2',
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['MergedSafetensors'], destination: { local: { path: 'student' } } },
  });
  const published = join(run.result, 'merged');
  const scheduler = join(published, 'scheduler', 'scheduler_config.json');
  const sampler: unknown = JSON.parse(await readFile(scheduler, 'utf8'));
  using tables = openSafetensors(join(published, 'integers', 'model.safetensors'));
  const values = (name: string) => scope(() => toArray(tables.load(name)));
  using files = openModel(published);
  // In float64: in float32 a value between two integers may go to the other one there.
  const model = frozenModel(modelSource(files), {
    ...{ dtype: 'float64', sequenceLength: undefined },
    inputs: {
      ...{ grid, learningRateFactor: 1 },
      initial: (path) => ({
        logScales: values(`${path}.input_log_scale`),
        zeros: values(`${path}.input_zero_point`),
      }),
    },
  });
  using _parameters = model.parameters;
  const config = diffusionConfig(model.config);
  const first = firstNoise(config, classes.length, 3);
  const noise = scope(() => {
    const x = patchesOnDevice(model, config, first);
    return toArray(guidedNoise(model, x, { classes, guidance, time, row: 0 }));
  });
  const pictures = samplePictures(model, first, {
    ...{ classes, steps, guidance, sampler: readSamplerConfig(sampler) },
  });
  const path = join(published, 'transformer');
  const common = { path, first: [...first], class: classes, guidance, time, steps, sampler };
  const asked = join(folder, 'requests.json');
  const requests = { rounded: { ...common, tables: published }, plain: common };
  await writeFile(asked, JSON.stringify(requests));
  const judged = join(folder, 'judged.safetensors');
  await askPeer('diffusion_peer.py', [judged, asked]);
  using peer = openSafetensors(judged);
  const gap = (part: string, found: Float32Array): number => {
    const theirs = scope(() => toArray(peer.load(part)));
    const size = Math.max(1, ...theirs.map(Math.abs));
    return Math.max(...theirs.map((value, i) => Math.abs(value - (found[i] ?? 9)) / size));
  };
  const ours = fromPatches(Float32Array.from(noise), config, 'ByPixel');
  t.true(gap('rounded.guided', ours) <= 1e-5, `${gap('rounded.guided', ours)}`);
  t.true(gap('rounded.pictures', pictures) <= 1e-4, `${gap('rounded.pictures', pictures)}`);
  // Inputs in 4 bits are no small matter, so the tables were used.
  t.true(gap('plain.guided', ours) > 1e-3, `${gap('plain.guided', ours)}`);
});
