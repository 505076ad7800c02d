// From files of pictures and names of classes to what a model of two towers finds alike: logits of
// what was trained and published here, against transformers and PEFT, which load the folders,
// tokenise the texts by themselves and read the pictures of the store.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { textsOf } from '../toy/clip.ts';
import { makeClipModel } from '../toy/toy-clip.ts';
import { writeToyPictures } from '../toy/toy-pictures.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, outputsOn } from './same-numbers.ts';
import { preparedSequence, trainedModel, trainHere } from './train-job.ts';

const labels = ['few', 'Some Owls', 'many & more'];
const texts = labels.map((label) => `A toy photo of ${label}.`);

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-clip-'));
  for (const toy of ['clip', 'dual'] as const) await makeClipModel(join(folder, toy), toy);
  await makeClipModel(join(folder, 'apart'), 'dual', {}, false);
  await writeFile(join(folder, 'data.jsonl'), await writeToyPictures(folder, 18, labels));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Case {
  /** `apart`: towers without projections, which are made. */
  readonly toy: 'clip' | 'dual' | 'apart';
  readonly method: Readonly<Record<string, unknown>>;
  readonly format: 'PEFTAdapter' | 'MergedSafetensors';
}

const blocks = {
  preset: 'BlockLoRA',
  adapter: {
    type: 'BlockLoRA',
    blockLora: { rank: 4, blocks: 2, targetModules: ['q_proj', 'k_proj', 'v_proj'] },
  },
};

const cases: Readonly<Record<string, Case>> = {
  'CLIP, LoRA': { toy: 'clip', method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
  'CLIP, Block-LoRA': { toy: 'clip', method: blocks, format: 'PEFTAdapter' },
  'CLIP, all weights': { toy: 'clip', method: { preset: 'Full' }, format: 'MergedSafetensors' },
  'two towers, LoRA': { toy: 'dual', method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
  'two towers, LoRA, merged': {
    ...{ toy: 'dual', method: { preset: 'LoRA' }, format: 'MergedSafetensors' },
  },
  'towers without projections, LoRA': {
    ...{ toy: 'apart', method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
  },
  'towers without projections, LoRA, merged': {
    ...{ toy: 'apart', method: { preset: 'LoRA' }, format: 'MergedSafetensors' },
  },
  'two towers, all weights': {
    ...{ toy: 'dual', method: { preset: 'Full' }, format: 'MergedSafetensors' },
  },
};

async function trained(name: string, { toy, method, format }: Case) {
  const place = name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();
  const run = await trainHere(folder, place, {
    model: { source: { local: { path: toy } }, task: 'ContrastiveImageText' },
    dataset: {
      train: { local: { path: 'data.jsonl' } },
      ...{ labels, template: 'A toy photo of {}.', shots: 4, heldOut: { samples: 4 } },
    },
    method: { ...method, precision: { type: 'Float32' } },
    training: { maxSteps: 4, globalBatchSize: 6, microBatchSize: 2, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: { formats: [format], destination: { local: { path: place } } },
  });
  return { run, published: join(run.result, format === 'PEFTAdapter' ? 'adapter' : 'merged') };
}

test('what was trained and published is what transformers and PEFT load', async (t) => {
  const requests: Record<string, unknown> = {};
  const ours = new Map<string, { logits: readonly number[]; ids: readonly number[] }>();
  for (const [name, one] of Object.entries(cases)) {
    const { run, published } = await trained(name, one);
    const { data, count, sequence: pictures } = await preparedSequence(run);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    const ids = data.classTexts ?? [];
    const logits = outputsOn(model, { ...pictures, texts: textsOf(ids, 'Classes') });
    ours.set(name, { logits, ids: ids.flat() });
    const { values = [], shape = [] } = pictures.values?.['pixels'] ?? {};
    const base = join(folder, one.toy);
    const seen = { texts, pixels: [...values], shape: [count, ...shape] };
    requests[name] =
      one.format === 'MergedSafetensors'
        ? { path: published, ...seen }
        : { path: base, adapter: published, ...seen };
    requests[one.toy] ??= { path: base, ...seen };
  }
  const judged = join(folder, 'judged.safetensors');
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('trained_clip_peer.py', [judged, file]);
  using peer = openSafetensors(judged);
  const theirs = (name: string, what = 'logits') =>
    scope(() => toArray(peer.load(`${name}.${what}`)));
  for (const [name, { logits, ids }] of ours) {
    t.deepEqual(ids, theirs(name, 'ids'), `${name}: tokens`);
    t.is(logits.length, 18 * labels.length);
    const gap = largestGap(logits, theirs(name));
    // Float32 here and float64 there, of logits of some units.
    t.true(gap < 1e-4, `${name}: ${gap}`);
    const base = theirs(cases[name]?.toy ?? '');
    t.true(largestGap(logits, base) > 1e-2, `${name} learned something`);
    t.log(`${name}: logits within ${gap}`);
  }
});
