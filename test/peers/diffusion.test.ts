// Diffusion transformers, their schedule and their tables against diffusers; the model in float64.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { firstNoise, samplePictures } from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { ddimSteps } from '../../worker/diffusion/ddim.ts';
import { toPatches } from '../../worker/diffusion/patches.ts';
import { gridPositions, timeFrequencies } from '../../worker/diffusion/positions.ts';
import { linearSampler, printSamplerConfig } from '../../worker/diffusion/sampler-config.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { liveHandles } from '../../worker/tensor/memory.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeDiffusion, noisedPictures } from '../toy/diffusion.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, outputsOn } from './same-numbers.ts';

let folder = '';
const judged = () => join(folder, 'judged.safetensors');

const toys = {
  plain: {},
  'without biases of attention': { attention_bias: false, num_layers: 1 },
  'with a variance': { out_channels: 4 },
  'with another norm before the MLP': { norm_eps: 1e-2 },
} as const;
const pictures = [0, 1, 2, 3, 4, 5, 6];
const samplers = {
  clean: linearSampler,
  'not clean, and one later': { ...linearSampler, endsClean: false, offset: 1 },
};
const steps = 20;
const guidances = [1, 1.5];
const classes = [0, 4, 2];
const sampled = { channels: 2, side: 4 };
const times = [0, 1, 17, 500, 999];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-diffusion-'));
  const requests: Record<string, unknown> = { tables: { positions: [5, 24], times } };
  for (const [name, changes] of Object.entries(toys)) {
    const { values = {} } = noisedPictures(pictures, { changes });
    const flat = (of: string): readonly number[] => [...(values[of]?.values ?? [])];
    requests[name] = {
      path: await makeDiffusion(join(folder, name), changes),
      ...Object.fromEntries(['noised', 'noise', 'time', 'class'].map((of) => [of, flat(of)])),
    };
  }
  for (const [name, sampler] of Object.entries(samplers)) {
    requests[name] = { config: printSamplerConfig(sampler), steps };
  }
  for (const guidance of guidances) {
    requests[`sampled by ${guidance}`] = {
      path: join(folder, 'plain'),
      ...{ first: [...firstNoise(sampled, classes.length, 3)], class: classes, guidance },
      ...{ sampler: printSamplerConfig(linearSampler), steps },
    };
  }
  const asked = join(folder, 'requests.json');
  await writeFile(asked, JSON.stringify(requests));
  await askPeer('diffusion_peer.py', [judged(), asked]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

for (const [name, changes] of Object.entries(toys)) {
  test(`diffusers finds the noise and all gradients of a toy, ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 28 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    t.deepEqual(files.headers.made, []);
    const host = noisedPictures(pictures, { changes });
    const theirNoise = scope(() => toArray(peer.load(`${name}.noise`)));
    // Patches of float32 would lose what is compared.
    const config = diffusionConfig(model.config);
    const order = toPatches(
      Float32Array.from(theirNoise, (_, i) => i),
      config,
      'ByPixel',
    );
    const off = largestGap(
      outputsOn(model, host),
      Array.from(order, (i) => theirNoise[i] ?? 9),
    );
    t.true(off <= 1e-10, `noise: ${off}`);
    hasGradientsOf(t, model, host, { peer, name });
  });
}

for (const [name, sampler] of Object.entries(samplers)) {
  test(`diffusers' scheduler takes the same steps: ${name}`, (t) => {
    using peer = openSafetensors(judged());
    const of = (part: string) => scope(() => toArray(peer.load(`${name}.${part}`)));
    const ours = ddimSteps(sampler, steps);
    t.deepEqual(
      ours.map(({ time }) => time),
      of('times'),
    );
    // It keeps products of a thousand factors in float32: 1e-7 of each, and roots of small ones.
    t.true(
      largestGap(
        ours.map(({ sample }) => sample),
        of('sample'),
      ) <= 1e-4,
    );
    t.true(
      largestGap(
        ours.map(({ noise }) => noise),
        of('ofNoise'),
      ) <= 1e-4,
    );
  });
}

for (const guidance of guidances) {
  test(`pictures sampled with a guidance of ${guidance} are those of diffusers`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, 'plain'));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 24 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const before = liveHandles();
    const asked = { classes, sampler: linearSampler, steps, guidance };
    const ours = samplePictures(model, firstNoise(sampled, classes.length, 3), asked);
    t.is(liveHandles(), before, 'sampling leaves no tensor behind');
    const theirs = scope(() => toArray(peer.load(`sampled by ${guidance}.pictures`)));
    const size = Math.max(1, ...theirs.map(Math.abs));
    // Its scheduler has factors in float32, of up to 1e-6 of values that twenty steps add up.
    const gap = largestGap(ours, theirs) / size;
    t.true(gap <= 1e-4, `${gap}`);
  });
}

test('diffusers has the same tables of positions and time steps', (t) => {
  using peer = openSafetensors(judged());
  scope(() => {
    t.deepEqual([...gridPositions(5, 24)], toArray(peer.load('tables.positions')));
    const gap = largestGap(timeFrequencies(times), toArray(peer.load('tables.frequencies')));
    // Angles up to 999 in float32, whose rates are rounded twice.
    t.true(gap <= 2 * 999 * 2 ** -23, `${gap}`);
  });
});
