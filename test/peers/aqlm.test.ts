// Results in the layout of AQLM, read by the package aqlm and by transformers: the values that
// codes stand for, and logits.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item } from '../../worker/tensor/tensor.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainToy } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-aqlm-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

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
    const run = await trainToy(folder, name, {
      ...{ config, maxSteps: 4, formats: ['AQLM', 'MergedSafetensors'] },
      method: {
        ...{ preset: 'PVTuning', precision: { type: 'Float32' } },
        base: { type: 'Codebook', codebook },
      },
    });
    using files = openModel(run.base);
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
