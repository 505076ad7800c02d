/**
 * A diffusion transformer of 0.3 million weights that makes digits of 8 x 8 pixels, trained here
 * once by a job of our own, since no registry has a small one. Its folder is named by all that it
 * was made of, and stays in the cache for tests and benchmarks.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { pngOf } from '../builders/png.ts';
import { type Digit, digitSide, digits } from './digits.ts';

const root = join(import.meta.dirname, '../..');

export const digitNames = Array.from({ length: 10 }, (_, label) => String(label));

export const digitsDitJson = {
  _class_name: 'DiTTransformer2DModel',
  ...{ num_attention_heads: 4, attention_head_dim: 16, num_layers: 4, norm_eps: 1e-6 },
  ...{ in_channels: 1, out_channels: 1, sample_size: digitSide, patch_size: 2 },
  ...{ num_embeds_ada_norm: digitNames.length, attention_bias: true, dropout: 0 },
  ...{ activation_fn: 'gelu-approximate', norm_type: 'ada_norm_zero' },
  norm_elementwise_affine: false,
};

const spec = {
  model: {
    source: { local: { path: 'config' } },
    ...{ task: 'Denoising', initialization: 'FromScratch' },
  },
  dataset: { train: { local: { path: 'pictures' } }, labels: digitNames, heldOut: { samples: 97 } },
  method: {
    preset: 'Full',
    optimizer: { type: 'AdamW', adamW: { weightDecay: '0' } },
    precision: { type: 'Float32' },
  },
  training: {
    ...{ maxSteps: 1000, globalBatchSize: 64, microBatchSize: 64, learningRate: '3e-3' },
    schedule: { type: 'Cosine', warmupSteps: 50 },
  },
  checkpoint: { intervalSteps: 500, retain: { latest: 1 } },
  worker: { devicesPerWorker: 0 },
  output: { formats: ['MergedSafetensors'], destination: { local: { path: 'out' } } },
};

/** The folder of a pipeline of diffusers. */
export async function digitsDit(
  setup: Setup = thisSetup(new AbortController().signal),
): Promise<string> {
  const key = digestOf({ config: digitsDitJson, spec }).slice(0, 12);
  const pictures = await digits(setup);
  return await ensureEntry(setup, {
    folder: join(setup.cache.root, `digits-dit-${key}`),
    inside: 'pipeline',
    bytes: 200_000_000,
    async make(staging) {
      const text = 'training a diffusion transformer on digits (minutes, once)';
      await setup.steps.step('digits-dit', text, async () => {
        await writeDigits(join(staging, 'pictures'), pictures);
        await mkdir(join(staging, 'config'));
        await writeFile(join(staging, 'config', 'config.json'), JSON.stringify(digitsDitJson));
        const job = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
        const file = join(staging, 'job.yaml');
        // JSON is YAML.
        await writeFile(file, JSON.stringify({ ...job, metadata: { name: 'digits' }, spec }));
        const command = [join(root, 'cli/anneal.mjs'), 'run', file, '--display=quiet'];
        const env = { ANNEAL_CACHE: join(staging, 'cache'), ANNEAL_THREADS: '1' };
        await execa(process.execPath, command, {
          ...{ env, stdin: 'ignore', cancelSignal: setup.signal },
        });
        await rename(join(staging, 'out', 'merged'), join(staging, 'pipeline'));
      });
    },
  });
}

/** In folders by class, each value 16 times as large. */
export async function writeDigits(folder: string, all: readonly Digit[]): Promise<void> {
  for (const name of digitNames) await mkdir(join(folder, name), { recursive: true });
  for (const [at, { pixels, label }] of all.entries()) {
    const samples = pixels.map((value) => Math.min(255, 16 * value));
    const png = pngOf({ width: digitSide, height: digitSide, depth: 8, colourType: 0, samples });
    await writeFile(join(folder, String(label), `${at}.png`), png);
  }
}
