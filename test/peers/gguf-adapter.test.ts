// Our adapters for llama.cpp: it puts the file on the base in GGUF form and computes the logits of
// the trained model. Of different ranks, none among them, of chosen columns, of a base that was
// changed, of fused matrices, and of q and k whose rows the format orders in its own way.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askLlama } from './ask-peer.ts';
import { wholeVocabulary, writeToyGguf } from './toy-gguf.ts';
import { type TrainedRun, trainedModel, trainHere } from './train-job.ts';

interface Case {
  readonly name: string;
  readonly toy: string;
  readonly method: Readonly<Record<string, unknown>>;
}

const precision = { type: 'Float32' } as const;
const cases: readonly Case[] = [
  { name: 'lora', toy: 'llama', method: { preset: 'LoRA', precision } },
  {
    name: 'lora-xs',
    toy: 'qwen2',
    method: { preset: 'LoRAXS', precision, adapter: { type: 'LoRAXS', loraXs: { rank: 24 } } },
  },
  {
    name: 'pissa',
    toy: 'llama',
    method: { preset: 'PiSSA', precision, adapter: { type: 'PiSSA', pissa: { rank: 4 } } },
  },
  {
    name: 'eva',
    toy: 'llama',
    method: {
      preset: 'EVA',
      precision,
      adapter: { type: 'EVA', eva: { rank: 3, rho: '4' } },
    },
  },
  {
    name: 'paca',
    toy: 'phi3',
    method: { preset: 'PaCA', precision, adapter: { type: 'PaCA', paca: { rank: 6 } } },
  },
];

const ids = [...checkIds(300)];
const records = Array.from({ length: 40 }, (_, i) => ({
  text: `Question ${i}: what is ${i} and ${i + 1}? It is ${2 * i + 1}, as ${i} and ${i + 1} show.`,
}));

const runs = new Map<string, TrainedRun>();
let folder = '';
const answers = () => join(folder, 'logits.json');

test.before(async (t) => {
  t.timeout(10 * 60_000);
  folder = await mkdtemp(join(tmpdir(), 'anneal-gguf-adapter-'));
  await writeFile(
    join(folder, 'train.jsonl'),
    records.map((one) => JSON.stringify(one)).join('\n'),
  );
  const requests: Record<string, unknown> = {};
  for (const { name, toy, method } of cases) {
    const from = await makeToy(join(folder, `${name}-base`), toy, { config: wholeVocabulary });
    const path = join(folder, `${name}.gguf`);
    await writeToyGguf(from, path);
    const run = await trainHere(folder, name, {
      model: { source: { local: { path: `${name}-base` } } },
      dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
      method,
      training: { maxSteps: 6, globalBatchSize: 8, learningRate: '1e-2' },
      output: { formats: ['GGUFAdapter'], destination: { local: { path: name } } },
    });
    runs.set(name, run);
    requests[`${name}.base`] = { path, ids };
    const lora = join(run.result, 'gguf-adapter', `${name}.lora.gguf`);
    requests[`${name}.adapter`] = { path, ids, lora };
  }
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askLlama('llama_logits.py', [answers(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Answer {
  readonly logits?: readonly (readonly number[])[];
  readonly error?: string;
}

const agrees = test.macro({
  async exec(t, name: string) {
    const run = runs.get(name);
    if (run === undefined) throw new Error(`${name} was not trained`);
    // The script that was just run printed it.
    const all = JSON.parse(await readFile(answers(), 'utf8')) as Record<string, Answer>;
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    const ours = scope(() => toArray(checkLogits(model)));
    const largest = Math.max(...ours.map(Math.abs));
    const gapTo = (form: string): number => {
      const { error, logits = [] } = all[`${name}.${form}`] ?? {};
      t.is(error, undefined);
      const theirs = logits.flat();
      t.is(theirs.length, ours.length);
      return Math.max(...ours.map((z, i) => Math.abs(z - (theirs[i] ?? Number.NaN))));
    };
    const gap = gapTo('adapter');
    t.true(gapTo('base') > 1000 * gap, 'training moved the logits');
    // Both compute in float32, in another order: some 64 roundings.
    t.true(gap <= 64 * 2 ** -24 * largest, `largest gap ${gap} of ${largest}`);
  },
  title: (_, name: string) => `llama.cpp computes the logits of the trained model for ${name}`,
});
for (const { name } of cases) test(agrees, name);
