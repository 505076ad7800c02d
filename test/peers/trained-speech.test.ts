// From files of sounds to the tokens that a Whisper writes: logits of what was trained and
// published here, against transformers and PEFT, which load the folders and read the features of
// the store.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { writeToySounds } from '../toy/toy-sounds.ts';
import { makeSpeechModel } from '../toy/toy-speech.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, outputsOn } from './same-numbers.ts';
import { preparedSequence, trainedModel, trainHere } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-speech-'));
  await makeSpeechModel(join(folder, 'base'));
  await writeFile(join(folder, 'data.jsonl'), await writeToySounds(folder, 12));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly method: Readonly<Record<string, unknown>>;
  readonly format: 'PEFTAdapter' | 'UniformPEFTAdapter' | 'MergedSafetensors';
}

const toTwo = { type: 'LoRA', lora: { rank: 4, targetModules: ['encoder_attn.q_proj', 'fc2'] } };
const s2 = {
  preset: 'S2LoRA',
  adapter: { type: 'S2LoRA', s2Lora: { rank: 6, threshold: '1e-3' } },
};

const cases: Readonly<Record<string, Case>> = {
  'LoRA on all layers': { method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
  'LoRA on some, merged': {
    ...{ method: { preset: 'LoRA', adapter: toTwo }, format: 'MergedSafetensors' },
  },
  'LoRA on some': { method: { preset: 'LoRA', adapter: toTwo }, format: 'PEFTAdapter' },
  'S2-LoRA': { method: s2, format: 'PEFTAdapter' },
  'S2-LoRA at one rank': { method: s2, format: 'UniformPEFTAdapter' },
  'all weights': { method: { preset: 'Full' }, format: 'MergedSafetensors' },
};
const folders = {
  ...{ PEFTAdapter: 'adapter', UniformPEFTAdapter: 'uniform-adapter', MergedSafetensors: 'merged' },
} as const;

async function trained(name: string, { method, format }: Case) {
  const place = name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();
  const run = await trainHere(folder, place, {
    model: { source: { local: { path: 'base' } }, task: 'SpeechToText' },
    dataset: { train: { local: { path: 'data.jsonl' } }, sequenceLength: 32 },
    method: { ...method, precision: { type: 'Float32' } },
    training: { maxSteps: 4, globalBatchSize: 4, microBatchSize: 2, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: { formats: [format], destination: { local: { path: place } } },
  });
  return { run, published: join(run.result, folders[format]) };
}

/** Rows of one length for the judge. */
function padded(
  { offsets }: HostSequence,
  values: Int32Array,
  pad: number,
): readonly (readonly number[])[] {
  const rows = [...offsets.slice(1)].map((end, i) => [...values.subarray(offsets[i], end)]);
  const longest = Math.max(...rows.map(({ length }) => length));
  return rows.map((row) => [...row, ...new Array<number>(longest - row.length).fill(pad)]);
}

test('what was trained on sounds and published is what transformers and PEFT load', async (t) => {
  const requests: Record<string, unknown> = {};
  const ours = new Map<string, readonly number[]>();
  for (const [name, one] of Object.entries(cases)) {
    const { run, published } = await trained(name, one);
    const { count, sequence } = await preparedSequence(run);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    ours.set(name, outputsOn(model, sequence));
    const { values = [], shape = [] } = sequence.values?.['mel'] ?? {};
    const isWhole = one.format === 'MergedSafetensors';
    requests[name] = {
      ...(isWhole ? { path: published } : { path: join(folder, 'base'), adapter: published }),
      ...{ mel: [...values], shape: [count, ...shape] },
      ids: padded(sequence, sequence.ids, 0),
      labels: padded(sequence, sequence.labels, -100),
    };
    const base = { path: join(folder, 'base') };
    requests['base'] ??= { ...(requests[name] as object), ...base, adapter: undefined };
  }
  const judged = join(folder, 'judged.safetensors');
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('whisper_peer.py', [judged, file]);
  using peer = openSafetensors(judged);
  const theirs = (name: string) => scope(() => toArray(peer.load(`${name}.logits`)));
  for (const [name, logits] of ours) {
    const gap = largestGap(logits, theirs(name));
    // Float32 here and float64 there, of logits of some units.
    t.true(gap < 1e-4, `${name}: ${gap}`);
    t.true(largestGap(logits, theirs('base')) > 1e-2, `${name} learned something`);
    t.log(`${name}: logits within ${gap}`);
  }
});
