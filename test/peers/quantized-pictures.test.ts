// A model that makes pictures and was quantized after training (SVDQuant), from its job to
// diffusers: weights are those of the integers and of what is beside them, and with these diffusers
// finds the same noise and makes the same pictures.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { firstNoise, samplePictures } from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { readSamplerConfig } from '../../worker/diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeDiffusion } from '../toy/diffusion.ts';
import { askPeer } from './ask-peer.ts';
import { trainHere } from './train-job.ts';

const sizes = { in_channels: 1, out_channels: 1, sample_size: 8, attention_head_dim: 16 };
const classes = [0, 1, 4, 1];
const steps = 10;
const guidance = 1.5;
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-quantized-pictures-'));
  await makeDiffusion(join(folder, 'base'), sizes);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('diffusers computes what was quantized and published', async (t) => {
  const run = await trainHere(folder, 'quantized', {
    model: { source: { local: { path: 'base' } }, task: 'Denoising' },
    method: { preset: 'NoTraining', precision: { type: 'Float32' } },
    worker: { devicesPerWorker: 0 },
    output: {
      quantization: {
        ...{ bits: 4, groupSize: 32, range: 'Symmetric', smoothing: 'Search', lowRank: 2 },
        ...{ calibrationSequences: 6, trajectory: { steps: 5 } },
      },
      destination: { local: { path: 'quantized' } },
    },
  });
  const published = join(run.result, 'compressed-tensors');
  const scheduler = join(published, 'scheduler', 'scheduler_config.json');
  const sampler: unknown = JSON.parse(await readFile(scheduler, 'utf8'));
  const picturesOf = (path: string) => {
    using files = openModel(path);
    const options = { dtype: 'float64', sequenceLength: undefined } as const;
    const model = frozenModel(modelSource(files), options);
    using _parameters = model.parameters;
    const first = firstNoise(diffusionConfig(model.config), classes.length, 3);
    const asked = { classes, steps, guidance, sampler: readSamplerConfig(sampler) };
    return { first, pictures: samplePictures(model, first, asked) };
  };
  const { first, pictures } = picturesOf(published);
  const sampled = { class: classes, guidance, steps, sampler };
  const asked = join(folder, 'requests.json');
  const path = join(published, 'transformer');
  const requests = {
    quantized: { ...sampled, path, first: [...first] },
    stored: { integers: published },
  };
  await writeFile(asked, JSON.stringify(requests));
  const judged = join(folder, 'judged.safetensors');
  await askPeer('diffusion_peer.py', [judged, asked]);
  using peer = openSafetensors(judged);
  const found = (name: string) => scope(() => toArray(peer.load(name)));
  const theirs = found('quantized.pictures');
  const gap = (ours: Float32Array): number => {
    const size = Math.max(1, ...theirs.map(Math.abs));
    return Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] ?? 9)) / size));
  };
  t.true(gap(pictures) <= 1e-4, `${gap(pictures)}`);
  // Five times what is allowed above: four bits are no small matter.
  const full = picturesOf(join(folder, 'base')).pictures;
  t.true(gap(full) > 5e-4, `${gap(full)}`);
  const [layers, divided] = found('stored.layers');
  t.is(layers, 3 * 7);
  t.true((divided ?? 0) > 0);
  const [most = 1] = found('stored.gap');
  // Of a weight in float32, which its parts are summed in.
  t.true(most <= 1e-6, `${most}`);
});
