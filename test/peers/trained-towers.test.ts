// Two real towers that nobody trained together, DINOv2-S and MiniLM: their projections are made and
// train beside LoRA, and transformers and PEFT compute what the job learned, on words that our
// tokenizer read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeDualEncoder } from '../setup/dual-encoder.ts';
import { textsOf } from '../toy/clip.ts';
import { writeToyPictures } from '../toy/toy-pictures.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, outputsOn } from './same-numbers.ts';
import { preparedSequence, trainedModel, trainHere } from './train-job.ts';

const labels = ['dark surface', 'grey surface', 'bright surface'];

test('two towers learn together, and transformers and PEFT compute what they learned', async (t) => {
  t.timeout(10 * 60_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-towers-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const base = join(folder, 'towers');
  await makeDualEncoder(base);
  await writeFile(join(folder, 'data.jsonl'), await writeToyPictures(folder, 6, labels));
  const run = await trainHere(folder, 'judged', {
    model: { source: { local: { path: 'towers' } }, task: 'ContrastiveImageText' },
    dataset: { train: { local: { path: 'data.jsonl' } }, labels },
    method: {
      ...{ preset: 'LoRA', precision: { type: 'Float32' } },
      adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['q_proj', 'query', 'value'] } },
    },
    training: { maxSteps: 3, globalBatchSize: 2, microBatchSize: 2, learningRate: '1e-3' },
    worker: { devicesPerWorker: 0 },
    evaluation: { profile: 'Disabled' },
    output: { formats: ['PEFTAdapter'], destination: { local: { path: 'judged' } } },
  });
  const { data, sequence: pictures } = await preparedSequence(run, 3);
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  const ids = data.classTexts ?? [];
  const ours = outputsOn(model, { ...pictures, texts: textsOf(ids, 'Classes') });
  const { values = [], shape = [] } = pictures.values?.['pixels'] ?? {};
  const out = join(folder, 'logits.safetensors');
  const request = {
    ...{ path: base, adapter: join(run.result, 'adapter'), pixels: [...values] },
    ...{ texts: labels.map((label) => `a photo of a ${label}`), shape: [3, ...shape] },
  };
  await writeFile(join(folder, 'requests.json'), JSON.stringify({ towers: request }));
  await askPeer('trained_clip_peer.py', [out, join(folder, 'requests.json')]);
  using peer = openSafetensors(out);
  const theirs = scope(() => toArray(peer.load('towers.logits')));
  t.deepEqual(
    ids.flat(),
    scope(() => toArray(peer.load('towers.ids'))),
  );
  const gap = largestGap(ours, theirs);
  // Float32 here and float64 there, of logits up to 14.
  t.true(gap < 1e-4, `${gap}`);
  t.log(`logits within ${gap}`);
});
