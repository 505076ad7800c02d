// A real encoder without a head, trained for some steps as a person would: transformers and PEFT
// load both results and give the logits of the checkpoint, on words that our tokenizer read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { specialTokensOf } from '../../worker/data/special-tokens.ts';
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../worker/data/tokenizer-definition.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { miniLm } from '../setup/minilm.ts';
import { askPeer } from './ask-peer.ts';
import { classLogitsOf, trainedModel, trainJob } from './train-job.ts';

const names = ['negative', 'positive'];
const words = {
  negative: ['dull', 'tepid', 'clumsy', 'a bore', 'too long', 'badly acted'],
  positive: ['gorgeous', 'moving', 'funny', 'a joy', 'full of life', 'superbly acted'],
};
const of = (word: string) => [`The film is ${word}.`, `I found this story ${word}, all of it!`];

test('MiniLM learns classes, and transformers and PEFT compute what it learned', async (t) => {
  t.timeout(10 * 60_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-minilm-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const base = await miniLm();
  const records = Object.entries(words).flatMap(([label, all]) =>
    all.flatMap(of).map((text) => `${JSON.stringify({ text, label })}\n`),
  );
  await writeFile(join(folder, 'train.jsonl'), records.join(''));
  const run = await trainJob(folder, 'judged', {
    model: { source: { local: { path: base } }, task: 'SequenceClassification' },
    dataset: {
      train: { local: { path: 'train.jsonl' } },
      ...{ labels: names, sequenceLength: 32, packing: 'Packed', tokensPerSequence: 128 },
    },
    method: {
      ...{ preset: 'LoRA', precision: { type: 'Float32' } },
      adapter: { type: 'LoRA', lora: { rank: 8, targetModules: ['query', 'value'] } },
    },
    training: { maxSteps: 6, globalBatchSize: 2, learningRate: '2e-3' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats: ['PEFTAdapter', 'MergedSafetensors'],
      destination: { local: { path: 'judged' } },
    },
  });
  const definition = await readTokenizerFolder(base);
  const tokenizer = createTokenizer(definition);
  const { surround } = specialTokensOf(definition.json, tokenizer.vocabularySize);
  const texts = ['Effective but too tepid biopic', 'a gorgeous, witty, seductive movie'].map(
    (text) => [...surround(tokenizer.encode(text), undefined).ids],
  );
  const out = join(folder, 'logits.safetensors');
  const requests = {
    adapter: { path: join(run.result, 'adapter'), base, texts, names },
    merged: { path: join(run.result, 'merged'), texts, names },
  };
  await askPeer('classifiers_peer.py', [out, JSON.stringify(requests)]);
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  const ours = classLogitsOf(model, texts);
  using peer = openSafetensors(out);
  for (const name of ['adapter', 'merged']) {
    const theirs = scope(() => toArray(peer.load(name)));
    const gap = Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
    t.true(theirs.length === ours.length && gap < 1e-4, `${name}: largest gap ${gap}`);
  }
});
