// Toys that were trained for a few steps, in the hands of others: PEFT, or plain torch where there
// are experts, puts our adapter on the base that transformers loaded, transformers loads the merged
// model, and both compute the logits of the model that was trained.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { adapterForms, resultFolder } from '../../crds/names/result-folders.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import { scope } from '../../worker/tensor/scope.ts';
import type { PeerCase } from '../methods/adapter-trial.ts';
import { rowsOf } from '../methods/adapter-trials.ts';
import { changingFormats, float32 } from '../methods/axis-values.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { type TrainedRun, trainedModel, trainHere } from './train-job.ts';

interface Case extends PeerCase {
  readonly name: string;
  readonly adapter: boolean;
}

const cases: readonly Case[] = [
  ...Object.entries(rowsOf('peers')).map(([name, row]) => ({
    ...{ name, ...row },
    adapter: row.merged !== true,
  })),
  {
    ...{ name: 'whole-ends', toy: 'llama', adapter: true },
    method: {
      preset: 'LoRA',
      precision: float32,
      fullModules: ['embed_tokens', 'lm_head', 'norm'],
    },
  },
  {
    // The head of its base is the embedding.
    ...{ name: 'whole-embedding', toy: 'gemma2', adapter: true },
    method: { preset: 'PiSSA', precision: float32, fullModules: ['embed_tokens'] },
  },
  {
    // Its result has the weights that products read: in fixed point.
    ...{ name: 'full', toy: 'mistral-window', adapter: false },
    method: { preset: 'Full', precision: float32, base: changingFormats },
  },
  {
    ...{ name: 'natural-galore', toy: 'qwen3', adapter: false },
    method: {
      ...{ preset: 'NaturalGaLore', precision: float32 },
      optimizer: { type: 'NaturalGaLore', naturalGalore: { rank: 8 } },
    },
  },
];

const words = 'the quick brown fox jumps over a lazy dog while 3 owls and 14 cats look on'.split(
  ' ',
);
const records = Array.from({ length: 40 }, (_, i) => ({
  text: Array.from({ length: 8 }, (_, j) => words[(i * 5 + j * j) % words.length]).join(' '),
}));

let folder = '';
const runs = new Map<string, TrainedRun>();
const theirs = () => join(folder, 'logits.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-trained-'));
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  await writeFile(join(folder, 'train.jsonl'), lines.join(''));
  const requests: Record<string, unknown> = {};
  for (const each of cases) {
    const { name, toy, method } = each;
    const base = await makeToy(join(folder, `${name}-base`), toy);
    const job = jobOf(name, method, formsOf(each));
    const run = await trainHere(folder, name, job);
    runs.set(name, run);
    const ids = [...checkIds(40)];
    requests[`${name}.base`] = { path: base, ids };
    if (formsOf(each).includes('MergedSafetensors')) {
      requests[`${name}.merged`] = { path: join(run.result, 'merged'), ids };
    }
    for (const form of adapterForms.filter((one) => formsOf(each).includes(one))) {
      const adapter = join(run.result, resultFolder[form]);
      requests[`${name}.${resultFolder[form]}`] = { path: base, adapter, ids };
    }
  }
  await askPeer('hf_logits.py', [theirs(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

type Form = keyof typeof resultFolder;

function formsOf(of: Case): readonly Form[] {
  const { adapter, uniform = false, mixture = false, kasa = false } = of;
  if (mixture) return ['MixLoRA'];
  const merged = ['MergedSafetensors'] as const;
  if (!adapter) return merged;
  return [
    ...merged,
    'PEFTAdapter',
    ...(uniform ? (['UniformPEFTAdapter'] as const) : []),
    ...(kasa ? (['KaSA'] as const) : []),
  ];
}

function jobOf(name: string, method: Case['method'], formats: readonly Form[]) {
  return {
    model: { source: { local: { path: `${name}-base` } } },
    dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
    method,
    training: { maxSteps: 6, globalBatchSize: 8, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats,
      destination: { local: { path: name } },
    },
  };
}

const agrees = test.macro({
  async exec(t, each: Case) {
    const { name } = each;
    const run = runs.get(name);
    if (run === undefined) throw new Error(`${name} was not trained`);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    using peer = openSafetensors(theirs());
    scope(() => {
      const ours = checkLogits(model);
      const moved = largestGap(ours, peer.load(`${name}.base`));
      t.true(moved > 1000 * tolerance, `training moved the logits by ${moved} only`);
      for (const form of formsOf(each)) {
        const gap = largestGap(ours, peer.load(`${name}.${resultFolder[form]}`));
        t.true(gap <= tolerance, `${form}: largest gap ${gap}`);
      }
    });
  },
  title: (_, { name, toy, adapter, mixture = false }: Case) => {
    const together = `${mixture ? 'plain torch' : 'PEFT'} and transformers compute`;
    const peers = adapter ? together : 'transformers computes';
    return `${name} of ${toy}: ${peers} the logits of the trained model`;
  },
});
for (const each of cases) test(agrees, each);
