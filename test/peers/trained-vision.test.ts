// Classifiers of pictures that were trained and published here, against transformers and PEFT: both
// load the folders and give the logits of the trained model, as its checkpoint has it.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { visionConfig } from '../../worker/vision/config.ts';
import { type VisionName, visionNames } from '../../worker/vision/families.ts';
import { visionNameInFiles } from '../../worker/vision/file-names.ts';
import { pngOf } from '../builders/png.ts';
import { makeVision, pictureSequence, pixelsOf, toyPictures } from '../toy/vision.ts';
import { askPeer } from './ask-peer.ts';
import { outputsOn } from './same-numbers.ts';
import { type TrainedRun, trainedModel, trainHere } from './train-job.ts';

const names = ['worse', 'same', 'better'];
const side = 12;

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-pictures-'));
  for (const [label, name] of names.entries()) {
    await mkdir(join(folder, 'pictures', name), { recursive: true });
    for (let i = 0; i < 12; i += 1) {
      const samples = Array.from(
        { length: 3 * side * side },
        (_, j) => (80 * label + 31 * i + 7 * j + j * j) % 256,
      );
      const picture = { width: side, height: side, depth: 8, colourType: 2, samples } as const;
      await writeFile(join(folder, 'pictures', name, `${i}.png`), pngOf(picture));
    }
  }
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly family: VisionName;
  readonly method: Readonly<Record<string, unknown>>;
  readonly format: 'PEFTAdapter' | 'MergedSafetensors';
  /** The files have a head for these classes already. @default false */
  readonly hasHead?: boolean;
}

const lora = { rank: 4, alpha: '8' };
const toTwo = { type: 'LoRA', lora: { ...lora, targetModules: ['q_proj', 'fc2'] } };

const cases: Readonly<Record<string, Case>> = Object.fromEntries(
  visionNames.flatMap((family): [string, Case][] => [
    [
      `${family}, LoRA on all layers`,
      { family, method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
    ],
    [
      `${family}, LoRA, with the head of the files`,
      { family, method: { preset: 'LoRA', adapter: toTwo }, format: 'PEFTAdapter', hasHead: true },
    ],
    [
      `${family}, LoRA on two layers, merged`,
      { family, method: { preset: 'LoRA', adapter: toTwo }, format: 'MergedSafetensors' },
    ],
    [`${family}, all weights`, { family, method: { preset: 'Full' }, format: 'MergedSafetensors' }],
    [
      `${family}, channels and heads by S2FT`,
      {
        family,
        method: {
          preset: 'S2FT',
          adapter: { type: 'S2FT', s2ft: { upRatio: '0.1', outputRatio: '0.3' } },
        },
        format: 'PEFTAdapter',
      },
    ],
    [`${family}, PiSSA`, { family, method: { preset: 'PiSSA' }, format: 'PEFTAdapter' }],
    [
      `${family}, NF4 weights`,
      {
        family,
        method: { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
        format: 'MergedSafetensors',
      },
    ],
    [`${family}, OwLore`, { family, method: { preset: 'OwLore' }, format: 'MergedSafetensors' }],
    [`${family}, LISA`, { family, method: { preset: 'LISA' }, format: 'MergedSafetensors' }],
    [`${family}, GaLore`, { family, method: { preset: 'GaLore' }, format: 'MergedSafetensors' }],
  ]),
);

interface Trained {
  readonly run: TrainedRun;
  readonly base: string;
  readonly published: string;
}

async function trained(name: string, one: Case): Promise<Trained> {
  const place = name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();
  const inFile = (tensor: string) => visionNameInFiles(tensor, one);
  const base = await makeVision(join(folder, `${place}-base`), one.family, {
    inFile: (tensor) =>
      one.hasHead !== true && tensor.startsWith('classifier') ? null : inFile(tensor),
    config: { hidden_dropout_prob: 0.1, hidden_size: 32, intermediate_size: 64 },
  });
  const run = await trainHere(folder, place, {
    model: { source: { local: { path: `${place}-base` } }, task: 'ImageClassification' },
    dataset: { train: { local: { path: 'pictures' } }, labels: names },
    method: { ...one.method, precision: { type: 'Float32' } },
    training: { maxSteps: 3, globalBatchSize: 6, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: { formats: [one.format], destination: { local: { path: place } } },
  });
  const published = join(run.result, one.format === 'PEFTAdapter' ? 'adapter' : 'merged');
  return { run, base, published };
}

function logitsOf(model: Model): readonly number[] {
  return outputsOn(model, pictureSequence(visionConfig(model.config), toyPictures));
}

/** Of a base with its head. */
function baseLogits(path: string): readonly number[] {
  using files = openModel(path);
  const model = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: 64 });
  using _parameters = model.parameters;
  return logitsOf(model);
}

test('what was published computes what was trained, in transformers and PEFT', async (t) => {
  const models: Record<string, unknown> = {};
  const ours = new Map<string, readonly number[]>();
  for (const [name, one] of Object.entries(cases)) {
    const { run, base, published } = await trained(name, one);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    ours.set(name, logitsOf(model));
    models[name] = { path: published, names, ...(one.format === 'PEFTAdapter' && { base }) };
    if (one.format !== 'PEFTAdapter') continue;
    if (one.hasHead === true) ours.set(`${name}.off`, baseLogits(base));
    const text = await readFile(join(published, 'adapter_config.json'), 'utf8');
    const config = JSON.parse(text) as Record<string, unknown>;
    t.is(config['task_type'], null, name);
    t.deepEqual(config['modules_to_save'], ['classifier'], name);
  }
  const judged = join(folder, 'judged.safetensors');
  const requests = join(folder, 'requests.json');
  const pixels = toyPictures.flatMap((picture) => [...pixelsOf(picture)]);
  const shape = [toyPictures.length, 3, side, side];
  await writeFile(requests, printConfig({ pixels, shape, models }));
  await askPeer('trained_vision_peer.py', [judged, requests]);
  using peer = openSafetensors(judged);
  for (const [name, own] of ours) {
    const theirs = scope(() => toArray(peer.load(name)));
    // Products of two programs in float32, of logits near one.
    const gap = Math.max(...own.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
    t.true(own.length === theirs.length && gap < 2e-5, `${name}: ${gap}`);
  }
});
