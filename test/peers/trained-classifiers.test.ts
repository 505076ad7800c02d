// Classifiers that were trained and published here, against transformers and PEFT: both load the
// folders and give the logits of the trained model, as its checkpoint has it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type EncoderName, encoderNames } from '../../worker/encoder/families.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeEncoder } from '../toy/encoder.ts';
import { askPeer } from './ask-peer.ts';
import { classLogitsOf, type TrainedRun, trainedModel, trainHere } from './train-job.ts';

const names = ['worse', 'same', 'better'];
const texts = [
  [3, 10, 17, 24, 5],
  [3, 8, 20],
  [3, 33, 29, 4, 11, 9, 22, 16],
];

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-classifiers-'));
  const lines = Array.from({ length: 60 }, (_, i) =>
    JSON.stringify({ text: `the ${i} cats and ${(i * 7) % 40} owls`, label: names[i % 3] }),
  );
  await writeFile(join(folder, 'train.jsonl'), `${lines.join('\n')}\n`);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly family: EncoderName;
  readonly method: Readonly<Record<string, unknown>>;
  readonly format: 'PEFTAdapter' | 'MergedSafetensors';
  /** The files have a head for these classes already. @default false */
  readonly hasHead?: boolean;
  readonly training?: Readonly<Record<string, unknown>>;
}

const lora = { rank: 4, alpha: '8' };
const toTwo = { type: 'LoRA', lora: { ...lora, targetModules: ['query', 'value'] } };

const cases: Readonly<Record<string, Case>> = Object.fromEntries(
  encoderNames.flatMap((family): [string, Case][] => [
    [
      `${family}, LoRA on all layers`,
      { family, method: { preset: 'LoRA' }, format: 'PEFTAdapter' },
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
    [
      `${family}, PiSSA, with the head of the files`,
      { family, method: { preset: 'PiSSA' }, format: 'PEFTAdapter', hasHead: true },
    ],
    [
      `${family}, NF4 weights`,
      {
        family,
        method: { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
        format: 'MergedSafetensors',
      },
    ],
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
  const isOfHead = (tensor: string) => /^(classifier|bert\.pooler)\./.test(tensor);
  const base = await makeEncoder(join(folder, `${place}-base`), one.family, {
    inFile: (tensor) => (one.hasHead === true || !isOfHead(tensor) ? tensor : null),
    config: { hidden_dropout_prob: 0.1, hidden_size: 32, intermediate_size: 64 },
  });
  const run = await trainHere(folder, place, {
    model: { source: { local: { path: `${place}-base` } }, task: 'SequenceClassification' },
    dataset: {
      train: { local: { path: 'train.jsonl' } },
      ...{ labels: names, sequenceLength: 16, packing: 'Packed', tokensPerSequence: 48 },
      overlength: 'Truncate',
    },
    method: { ...one.method, precision: { type: 'Float32' } },
    training: { maxSteps: 3, globalBatchSize: 2, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: { formats: [one.format], destination: { local: { path: place } } },
  });
  const published = join(run.result, one.format === 'PEFTAdapter' ? 'adapter' : 'merged');
  return { run, base, published };
}

test('what was published computes what was trained, in transformers and PEFT', async (t) => {
  const requests: Record<string, unknown> = {};
  const ours = new Map<string, readonly number[]>();
  for (const [name, one] of Object.entries(cases)) {
    const { run, base, published } = await trained(name, one);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    ours.set(name, classLogitsOf(model, texts));
    requests[name] = {
      ...{ path: published, texts, names },
      ...(one.format === 'PEFTAdapter' && { base }),
    };
    if (one.format !== 'PEFTAdapter') continue;
    const text = await readFile(join(published, 'adapter_config.json'), 'utf8');
    const config = JSON.parse(text) as Record<string, unknown>;
    t.is(config['task_type'], 'SEQ_CLS', name);
    const hasPooler = one.family === 'bert' && one.hasHead !== true;
    const saved = [...(hasPooler ? ['bert.pooler.dense'] : []), 'classifier'];
    t.deepEqual(config['modules_to_save'], saved, name);
  }
  const judged = join(folder, 'judged.safetensors');
  await askPeer('classifiers_peer.py', [judged, JSON.stringify(requests)]);
  using peer = openSafetensors(judged);
  for (const [name, own] of ours) {
    const theirs = scope(() => toArray(peer.load(name)));
    // Products of two programs in float32, of logits near one.
    const gap = Math.max(...own.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
    t.true(own.length === theirs.length && gap < 2e-5, `${name}: ${gap}`);
  }
});
