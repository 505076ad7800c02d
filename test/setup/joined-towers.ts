/**
 * The dual encoder of two real towers with projections that were trained here: a job of our own
 * teaches them nine classes of Fashion-MNIST, once. Its folder is named by all that it was made of,
 * and stays in the cache for benchmarks.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { pngOf } from '../../worker/data/images/write-png.ts';
import { makeDualEncoder } from './dual-encoder.ts';
import { fashion, fashionNames } from './fashion.ts';

const root = join(import.meta.dirname, '../..');
/** The tenth class is never seen. */
const classes = 9;
const pictures = 1000;

const spec = {
  model: { source: { local: { path: 'towers' } }, task: 'ContrastiveImageText' },
  dataset: {
    train: { local: { path: 'pictures' } },
    labels: fashionNames.slice(0, classes),
    heldOut: { samples: 90 },
  },
  method: {
    preset: 'LoRA',
    adapter: {
      type: 'LoRA',
      lora: { rank: 4, targetModules: ['q_proj', 'v_proj', 'query', 'value'] },
    },
  },
  training: {
    ...{ maxSteps: 60, globalBatchSize: 16, microBatchSize: 16, learningRate: '1e-3' },
    evaluation: { intervalSteps: 60 },
  },
  worker: { devicesPerWorker: 0 },
  output: { formats: ['MergedSafetensors'], destination: { local: { path: 'out' } } },
};

/** A folder that transformers loads as a VisionTextDualEncoderModel. */
export async function joinedTowers(setup: Setup): Promise<string> {
  const all = (await fashion(setup)).filter(({ label }) => label < classes).slice(0, pictures);
  const key = digestOf({ spec, classes, pictures }).slice(0, 12);
  return await ensureEntry(setup, {
    folder: join(setup.cache.root, `joined-towers-${key}`),
    inside: 'model',
    bytes: 1_500_000_000,
    async make(staging) {
      const text = 'training projections of a dual encoder (a minute, once)';
      await setup.steps.step('joined-towers', text, async () => {
        await makeDualEncoder(join(staging, 'towers'));
        await mkdir(join(staging, 'pictures'));
        const lines = all.map(({ label }, i) => JSON.stringify({ image: `${i}.png`, label }));
        for (const [i, { image }] of all.entries()) {
          await writeFile(join(staging, 'pictures', `${i}.png`), pngOf(image));
        }
        await writeFile(join(staging, 'pictures', 'data.jsonl'), `${lines.join('\n')}\n`);
        const job = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
        const file = join(staging, 'job.yaml');
        // JSON is YAML.
        await writeFile(file, JSON.stringify({ ...job, metadata: { name: 'joined' }, spec }));
        await execa(
          process.execPath,
          [join(root, 'cli/anneal.mjs'), 'run', file, '--display=quiet'],
          {
            env: { ANNEAL_CACHE: join(staging, 'cache') },
            stdin: 'ignore',
            cancelSignal: setup.signal,
          },
        );
        await rename(join(staging, 'out', 'merged'), join(staging, 'model'));
      });
    },
  });
}
