// Results in the layout of AQLM, read by the package aqlm and by transformers: the values that codes stand for, and logits.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../worker/checkpoint/safetensors.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { checkIds, checkLogits } from '../../worker/publish/reload-check.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { trainedModel, trainJob } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-aqlm-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const largestGap = (a: Tensor, b: Tensor): number => item(ops.amax(ops.abs(ops.sub(a, b))));

/** The acceptance figure of the project for float32; logits are of size 10. */
const tolerance = 1e-4;

for (const codebook of [
  { codebooks: 2, bits: 8, groupSize: 8 },
  { codebooks: 1, bits: 5, groupSize: 4 },
]) {
  const { codebooks, bits, groupSize } = codebook;
  const name = `pv-${codebooks}x${bits}g${groupSize}`;
  test(`${name}: aqlm and transformers give the weights and logits that were trained`, async (t) => {
    t.timeout(10 * 60_000);
    // Wide enough for codebooks to be the smaller part.
    const config = { hidden_size: 256, intermediate_size: 1024 };
    const base = await makeToy(join(folder, `${name}-base`), 'llama', { config });
    const lines = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({ text: `the ${i} cats and ${(i * 7) % 40} owls look on` }),
    );
    await writeFile(join(folder, 'train.jsonl'), `${lines.join('\n')}\n`);
    const run = await trainJob(folder, name, {
      model: { source: { local: { path: `${name}-base` } } },
      dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
      method: {
        ...{ preset: 'PVTuning', precision: { type: 'Float32' } },
        base: { type: 'Codebook', codebook },
      },
      training: { maxSteps: 4, globalBatchSize: 8, learningRate: '1e-2' },
      worker: { devicesPerWorker: 0 },
      output: {
        formats: ['AQLM', 'MergedSafetensors'],
        destination: { local: { path: name } },
      },
    });
    using files = openModel(base);
    const ids = [...checkIds(files.config.V)];
    const out = join(folder, `${name}.safetensors`);
    await askPeer('aqlm_peer.py', [join(run.result, 'aqlm'), out, JSON.stringify(ids)]);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    using theirs = openSafetensors(out);
    scope(() => {
      const coded = model.parameters.all().filter((one) => one.coded?.type === 'Codebook');
      t.is(coded.length, 7 * files.config.L);
      for (const each of coded) {
        const [ours, judged] = [model.parameters.value(each.name), theirs.load(each.name)];
        const unit = 2 ** -22 * item(ops.amax(ops.abs(judged)));
        t.true(largestGap(ours, judged) <= unit, each.name);
      }
      t.is(item(ops.sum(theirs.load('layers'))), 7 * files.config.L);
      t.true(largestGap(checkLogits(model), theirs.load('logits')) <= tolerance);
    });
  });
}
