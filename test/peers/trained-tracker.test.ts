// A tracker of objects, trained for some steps as a person would: torch and PEFT, on the trunk of
// transformers, find the same boxes by what was published as the checkpoint here.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decodeImage } from '../../worker/data/images/decode.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeClips } from '../toy/toy-clips.ts';
import { makeTracker, toySizes, toyTracker, trackedSequence } from '../toy/tracking.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, outputsOn } from './same-numbers.ts';
import { trackingRequest } from './tracking-request.ts';
import { trainedModel, trainHere } from './train-job.ts';

/** Float32 here and float64 there, on values of size 10. */
const rounding = 1e-4;

test('PEFT and torch find the boxes of a trained tracker by its adapter and by its weights', async (t) => {
  t.timeout(10 * 60_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-tracker-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const base = await makeTracker(join(folder, 'base'));
  await makeClips(join(folder, 'clips'), 6);
  const run = await trainHere(folder, 'judged', {
    model: { source: { local: { path: 'base' } }, task: 'Tracking' },
    dataset: {
      ...{ train: { local: { path: 'clips' } }, heldOut: { samples: 2 } },
      tracking: { ...toySizes, maxGap: 3 },
    },
    method: {
      ...{ preset: 'LoRA', precision: { type: 'Float32' } },
      adapter: { type: 'LoRA', lora: { rank: 4, initialization: 'Both' } },
    },
    training: { maxSteps: 4, globalBatchSize: 4, microBatchSize: 2, learningRate: '2e-3' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats: ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'],
      destination: { local: { path: 'judged' } },
    },
  });
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  const config = toyTracker();
  const batch = trackedSequence(config, [1, 2]);
  const ours = outputsOn(model, batch);
  const request = (path: string) => trackingRequest(config, batch, { path, sizes: toySizes });
  const requests = {
    ...Object.fromEntries(
      ['adapter', 'uniform-adapter'].map((name) => [
        name,
        { ...request(base), adapter: join(run.result, name) },
      ]),
    ),
    // The result says its sizes itself.
    whole: { ...request(join(run.result, 'merged')), sizes: null },
  };
  const file = join(folder, 'requests.json');
  const judged = join(folder, 'judged.safetensors');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('tracking_peer.py', [judged, file]);
  scope(() => {
    using of = openSafetensors(judged);
    for (const name of ['outputs', 'merged'].flatMap((each) => [
      ...[`adapter.${each}`, `uniform-adapter.${each}`],
      ...(each === 'outputs' ? ['whole.outputs'] : []),
    ])) {
      const theirs = toArray(of.load(name));
      const gap = largestGap(ours, theirs);
      t.true(gap <= rounding, `${name}: ${gap}`);
    }
  });
  const adapter = join(run.result, 'adapter');
  const about = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8'));
  t.deepEqual(about.modules_to_save, ['head', 'token_type_embed']);
  using written = openSafetensors(join(adapter, 'adapter_model.safetensors'));
  const names = [...written.header.tensors.keys()];
  const factors = names.filter((name) => /\.lora_[AB]\.weight$/.test(name));
  t.is(factors.length, 2 * 6 * 2, 'factors of six layers of two blocks');
  t.is(names.length - factors.length, 1 + 2 * 3 * 2, 'types and heads, and nothing else');
  const report = JSON.parse(await readFile(join(run.folder, 'report.json'), 'utf8'));
  const { before, after } = report.evaluation;
  t.true(before.overlap >= 0 && after.overlap > 0 && after.overlap < 1);
  const strips = await readdir(join(run.result, 'before-after'));
  t.deepEqual(strips.sort(), ['1.png', '2.png']);
  const strip = decodeImage(await readFile(join(run.result, 'before-after/1.png')));
  t.deepEqual([strip.width, strip.height], [16 + 4 + 16, 16]);
});
