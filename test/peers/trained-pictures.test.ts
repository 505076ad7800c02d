// From files of pictures to the classes that a model gives them: values, and logits of what was
// trained and published here, against transformers' processors on Pillow, its models and PEFT.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { preparedRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { fillSequence } from '../../worker/data/packed-sequences.ts';
import { openTokenStore } from '../../worker/data/token-store.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { requireRecord } from '../../worker/run-folder.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import type { VisionName } from '../../worker/vision/families.ts';
import { colourPng, greyPng } from '../builders/pictures.ts';
import { makeVision } from '../toy/vision.ts';
import { askPeer } from './ask-peer.ts';
import { outputsOn } from './same-numbers.ts';
import { trainedModel, trainHere } from './train-job.ts';

const labels = ['cat', 'dog', 'owl'];
const never = new AbortController().signal;
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-pictures-'));
  const pictures = Array.from({ length: 12 }, (_, i) => {
    const png = i % 3 === 0 ? greyPng : colourPng;
    return [`${i}.png`, png(i, 9 + 3 * i, 25 - i)] as const;
  });
  const golden = await readFile(new URL('../golden/pictures.json', import.meta.url), 'utf8');
  const { jpeg } = JSON.parse(golden) as { jpeg: Record<string, { file: string }> };
  const jpegs = Object.entries(jpeg).map(
    ([name, { file }]) => [`${name.replaceAll(/[^a-z0-9]+/gi, '-')}.jpg`, file] as const,
  );
  for (const [at, [name, bytes]] of [...pictures, ...jpegs].entries()) {
    const place = join(folder, 'pictures', labels[at % labels.length] ?? '');
    await mkdir(place, { recursive: true });
    const file = typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : bytes;
    await writeFile(join(place, name), file);
  }
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly family: VisionName;
  readonly method: Readonly<Record<string, unknown>>;
  readonly format: 'PEFTAdapter' | 'MergedSafetensors';
  readonly config?: Readonly<Record<string, unknown>>;
  readonly preprocessor?: Readonly<Record<string, unknown>>;
}

const imagenet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const cropped = {
  ...{ image_processor_type: 'BitImageProcessor', do_convert_rgb: true, ...imagenet },
  ...{ size: { shortest_edge: 14 }, crop_size: { height: 12, width: 16 }, resample: 3 },
};
const lora = { preset: 'LoRA' };

const cases: Readonly<Record<string, Case>> = {
  'vit, LoRA': { family: 'vit', method: lora, format: 'PEFTAdapter' },
  'vit of grey pictures, all weights': {
    ...{ family: 'vit', method: { preset: 'Full' }, format: 'MergedSafetensors' },
    config: { num_channels: 1 },
    preprocessor: {
      ...{ image_processor_type: 'ViTImageProcessor', size: { height: 12, width: 12 } },
      ...{ image_mean: [0.3], image_std: [0.2] },
    },
  },
  'deit, LoRA, merged': { family: 'deit', method: lora, format: 'MergedSafetensors' },
  'dinov2 on pictures of another shape, LoRA': {
    ...{ family: 'dinov2', method: lora, format: 'PEFTAdapter', preprocessor: cropped },
  },
};

async function trained(name: string, one: Case) {
  const place = name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();
  const base = await makeVision(join(folder, `${place}-base`), one.family, {
    config: { ...one.config, id2label: undefined, label2id: undefined, num_labels: 3 },
  });
  if (one.preprocessor !== undefined) {
    const file = join(base, 'preprocessor_config.json');
    await writeFile(file, JSON.stringify(one.preprocessor));
  }
  const run = await trainHere(folder, place, {
    model: { source: { local: { path: `${place}-base` } }, task: 'ImageClassification' },
    dataset: { train: { local: { path: 'pictures' } }, labels },
    method: { ...one.method, precision: { type: 'Float32' } },
    training: { maxSteps: 3, globalBatchSize: 4, microBatchSize: 2, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: { formats: [one.format], destination: { local: { path: place } } },
  });
  const isAdapter = one.format === 'PEFTAdapter';
  const published = join(run.result, isAdapter ? 'adapter' : 'merged');
  return { run, base, published, isAdapter };
}

test('files become the values of transformers on Pillow, and what was published its classes', async (t) => {
  const requests: Record<string, unknown> = {};
  const ours = new Map<string, { pixels: Float32Array; logits: readonly number[] }>();
  for (const [name, one] of Object.entries(cases)) {
    const { run, base, published, isAdapter } = await trained(name, one);
    const { data } = await requireRecord(run.folder, runFiles.prepared, preparedRecord);
    using store = await openTokenStore(data.train ?? '', never);
    if (store === undefined) return t.fail('no store was prepared');
    t.deepEqual(Object.values(data.skipped), [0, 0, 0]);
    const members = Array.from({ length: store.count }, (_, document) => document);
    const sequence = fillSequence(store, members, 0);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    const logits = outputsOn(model, sequence);
    ours.set(name, { pixels: sequence.values?.['pixels']?.values ?? new Float32Array(), logits });
    const channels = one.config?.['num_channels'] === 1 ? 'L' : 'RGB';
    requests[name] = {
      ...{ path: published, names: labels, pictures: join(folder, 'pictures'), channels },
      ...(isAdapter && { base }),
    };
  }
  const judged = join(folder, 'judged.safetensors');
  await askPeer('trained_pictures_peer.py', [judged, JSON.stringify(requests)]);
  using peer = openSafetensors(judged);
  for (const [name, { pixels, logits }] of ours) {
    const theirs = (what: string) => scope(() => toArray(peer.load(`${name}.${what}`)));
    const judgedPixels = theirs('pixels');
    t.is(judgedPixels.length, pixels.length, name);
    const off = pixels.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (judgedPixels[i] ?? Number.NaN))),
      0,
    );
    t.true(off <= 1e-6, `${name}: pixels ${off}`);
    const judgedLogits = theirs('logits');
    // Products of two programs in float32, of logits near one.
    const gap = Math.max(
      ...logits.map((value, i) => Math.abs(value - (judgedLogits[i] ?? Number.NaN))),
    );
    t.true(judgedLogits.length === logits.length && gap < 5e-5, `${name}: logits ${gap}`);
    t.log(`${name}: pixels within ${off}, logits within ${gap}`);
  }
});
