// Adapters that are added up: with PEFT's sum of them diffusers finds the same noise, and makes the
// same pictures.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { firstNoise, guidedNoise, patchesOnDevice } from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { fromPatches } from '../../worker/diffusion/patches.ts';
import { linearSampler, printSamplerConfig } from '../../worker/diffusion/sampler-config.ts';
import { linearLayers } from '../../worker/engine/adapted-layers.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { composedModel } from '../../worker/sample/composed-model.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray, toFloats } from '../../worker/tensor/tensor.ts';
import { aSampling, classes, picturesOf } from '../toy/sampling.ts';
import { askPeer } from './ask-peer.ts';

const time = 500;

test('PEFT adds adapters up to the noise and the pictures of merge', async (t) => {
  const { base, path, write, load, given, folder } = await aSampling(t);
  const modules = linearLayers(base.config).map((layer) => layer.path);
  const config = { target_modules: modules, task_type: null };
  await write('one', { alpha: 6, config });
  await write('three', { rank: 2, config });
  for (const name of ['one', 'three']) await load(name);
  const parts = [
    { adapter: 'one', weight: 0.75 },
    { adapter: 'three', weight: 1.5 },
  ];
  const asked = given();
  const { settings } = asked;
  const { steps, guidance, seed } = settings;
  const shape = diffusionConfig(base.config);
  const first = firstNoise(shape, classes.length, seed);
  using own = composedModel({ mode: 'merge', parts, span: 1 }, asked);
  const [model = t.fail()] = own.parts;
  const noise = scope(() => {
    const x = patchesOnDevice(model, shape, first);
    return toFloats(guidedNoise(model, x, { classes, guidance, time, row: 0 }));
  });
  const ours = {
    guided: fromPatches(noise, shape, 'ByPixel'),
    pictures: picturesOf(composedModel({ mode: 'merge', parts, span: 1 }, asked), asked),
  };
  const place = await mkdtemp(join(tmpdir(), 'anneal-composed-'));
  t.teardown(() => rm(place, { recursive: true, force: true }));
  const requests = join(place, 'requests.json');
  const merge = parts.map(({ adapter, weight }) => ({ adapter: join(folder, adapter), weight }));
  const sampler = printSamplerConfig(linearSampler);
  const request = { path, first: [...first], class: classes, guidance, time, steps, sampler };
  await writeFile(requests, JSON.stringify({ sum: { ...request, merge } }));
  const judged = join(place, 'judged.safetensors');
  await askPeer('diffusion_peer.py', [judged, requests]);
  using peer = openSafetensors(judged);
  for (const [name, bound] of [
    ['guided', 1e-5],
    ['pictures', 1e-4],
  ] as const) {
    const theirs = scope(() => toArray(peer.load(`sum.${name}`)));
    const size = Math.max(1, ...theirs.map(Math.abs));
    const found = ours[name];
    const gap = Math.max(...theirs.map((value, i) => Math.abs(value - (found[i] ?? 9)) / size));
    t.true(gap <= bound, `${name}: ${gap}`);
  }
});
