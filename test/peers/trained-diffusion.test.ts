// Jobs that make pictures, from files of digits to a pipeline of diffusers: what was trained and
// published here finds the same noise there, and makes the same pictures.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  firstNoise,
  guidedNoise,
  patchesOnDevice,
  samplePictures,
} from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { fromPatches } from '../../worker/diffusion/patches.ts';
import { readSamplerConfig } from '../../worker/diffusion/sampler-config.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { greyPng } from '../builders/pictures.ts';
import { diffusionJson, makeDiffusion } from '../toy/diffusion.ts';
import { askPeer } from './ask-peer.ts';
import { trainedModel, trainHere } from './train-job.ts';

const labels = ['zero', 'one', 'two'];
const sizes = { in_channels: 1, out_channels: 1, sample_size: 8, num_embeds_ada_norm: 3 };
const classes = [0, 1, 2, 1];
const steps = 10;
const guidance = 1.5;
const time = 500;
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-denoising-'));
  for (let i = 0; i < 12; i += 1) {
    const place = join(folder, 'pictures', labels[i % labels.length] ?? '');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, `${i}.png`), greyPng(i, 8, 8));
  }
  await mkdir(join(folder, 'scratch'));
  await writeFile(join(folder, 'scratch', 'config.json'), JSON.stringify(diffusionJson(sizes)));
  await makeDiffusion(join(folder, 'stored'), sizes);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const cases = {
  'from scratch': {
    model: { source: { local: { path: 'scratch' } }, initialization: 'FromScratch' },
    method: { preset: 'Full', optimizer: { type: 'AdamW' } },
  },
  'all weights of files': {
    model: { source: { local: { path: 'stored' } } },
    method: { preset: 'Full', optimizer: { type: 'AdamW' } },
  },
  'factors of all layers, merged': {
    model: { source: { local: { path: 'stored' } } },
    method: {
      preset: 'LoRA',
      adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['AllLinear'] } },
    },
  },
} as const;

/** Of them: what PEFT adds to the model of the files, too. */
const asAdapter = 'factors of all layers, merged';

test('diffusers finds the noise of what was published, and makes its pictures', async (t) => {
  const requests: Record<string, unknown> = {};
  const ours = new Map<string, { noise: Float32Array; pictures: Float32Array }>();
  for (const [name, { model: of, method }] of Object.entries(cases)) {
    const place = name.replaceAll(/[^a-z]+/g, '-');
    const run = await trainHere(folder, place, {
      model: { ...of, task: 'Denoising' },
      dataset: { train: { local: { path: 'pictures' } }, labels, heldOut: { samples: 3 } },
      method: { ...method, precision: { type: 'Float32' } },
      training: {
        ...{ maxSteps: 4, globalBatchSize: 6, microBatchSize: 3, learningRate: '1e-2' },
        evaluation: { intervalSteps: 2 },
      },
      worker: { devicesPerWorker: 0 },
      output: {
        formats: ['MergedSafetensors', ...(name === asAdapter ? ['PEFTAdapter'] : [])],
        destination: { local: { path: place } },
      },
    });
    const published = join(run.result, 'merged');
    const file = join(published, 'scheduler', 'scheduler_config.json');
    const sampler: unknown = JSON.parse(await readFile(file, 'utf8'));
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    const config = diffusionConfig(model.config);
    const first = firstNoise(config, classes.length, 3);
    const noise = scope(() => {
      const x = patchesOnDevice(model, config, first);
      return toArray(guidedNoise(model, x, { classes, guidance, time, row: 0 }));
    });
    const found = {
      noise: fromPatches(Float32Array.from(noise), config, 'ByPixel'),
      pictures: samplePictures(model, first, {
        ...{ classes, steps, guidance, sampler: readSamplerConfig(sampler) },
      }),
    };
    ours.set(name, found);
    const path = join(published, 'transformer');
    const request = { path, first: [...first], class: classes, guidance, time, steps, sampler };
    requests[name] = request;
    if (name !== asAdapter) continue;
    ours.set('by PEFT', found);
    const adapter = join(run.result, 'adapter');
    requests['by PEFT'] = { ...request, path: join(folder, 'stored'), adapter };
  }
  const asked = join(folder, 'requests.json');
  await writeFile(asked, JSON.stringify(requests));
  const judged = join(folder, 'judged.safetensors');
  await askPeer('diffusion_peer.py', [judged, asked]);
  using peer = openSafetensors(judged);
  for (const [name, { noise, pictures }] of ours) {
    const gap = (part: string, found: Float32Array): number => {
      const theirs = scope(() => toArray(peer.load(`${name}.${part}`)));
      const size = Math.max(1, ...theirs.map(Math.abs));
      return Math.max(...theirs.map((value, i) => Math.abs(value - (found[i] ?? 9)) / size));
    };
    t.true(gap('guided', noise) <= 1e-5, `${name}: ${gap('guided', noise)}`);
    t.true(gap('pictures', pictures) <= 1e-4, `${name}: ${gap('pictures', pictures)}`);
  }
});
