// Results in the layout of compressed-tensors, read by that package and by transformers: the values
// that integers stand for, to the last bit, and logits.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { weightOnGrid } from '../../worker/engine/on-grid.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { checkIds, checkLogits } from '../../worker/publish/reload-check.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item } from '../../worker/tensor/tensor.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainToy } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-integers-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const jobs = {
  // Codes straddle words, and zero points are packed by columns.
  'l4q-3bit': {
    method: { preset: 'L4Q', precision: { type: 'Float32' } },
    grid: { bits: 3, groupSize: 32 },
  },
  'qat-4bit-rows': {
    method: { preset: 'Full' },
    grid: { bits: 4, strategy: 'Channel', range: 'Symmetric' },
  },
};

for (const [name, { method, grid }] of Object.entries(jobs)) {
  test(`${name}: compressed-tensors and transformers give the weights and logits that were trained`, async (t) => {
    t.timeout(10 * 60_000);
    const run = await trainToy(folder, name, {
      ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 4 },
      formats: ['CompressedTensors'],
      method: { ...method, base: { type: 'FakeQuantized', fakeQuantized: grid } },
    });
    using files = openModel(run.base);
    const ids = [...checkIds(files.config.V)];
    const out = join(folder, `${name}.safetensors`);
    const place = join(run.result, 'compressed-tensors');
    await askPeer('compressed_tensors_peer.py', [place, out, JSON.stringify(ids)]);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    using theirs = openSafetensors(out);
    scope(() => {
      const layers = [...(model.onGrid?.layers.values() ?? [])];
      t.is(layers.length, 7 * files.config.L);
      t.is(item(ops.sum(theirs.load('layers'))), layers.length);
      for (const layer of layers) {
        const judged = theirs.load(`${layer.path}.weight`);
        t.is(judged.dtype, model.dtype);
        t.is(largestGap(weightOnGrid(model, layer), judged), 0, layer.path);
      }
      const gap = largestGap(checkLogits(model), theirs.load('logits'));
      t.log(`logits differ by ${gap.toExponential(1)}`);
      // In bfloat16 both round each product, in another order.
      if (model.dtype === 'float32') t.true(gap <= tolerance, `${gap}`);
    });
  });
}
