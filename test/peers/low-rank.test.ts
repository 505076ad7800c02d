// Integers of smoothed weights with a branch of low rank beside them, put together by transformers
// and PEFT: the logits of the model that is read back here.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import type { ArtifactFacts } from '../../worker/publish/artifact.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { quantizedArtifact } from '../../worker/publish/quantized-artifact.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import { requireRecord } from '../../worker/run-folder.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainToy } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-low-rank-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const branches = {
  'what integers of smoothed weights lack': { groupSize: 32, smoothing: 'Search', lowRank: 8 },
  'what FP4 lost': { weights: 'FP4', groupSize: 32, lowRank: 8 },
} as const;

for (const [name, own] of Object.entries(branches)) {
  test(`PEFT puts ${name} on the model, and computes the logits of both`, async (t) => {
    t.timeout(10 * 60_000);
    const run = await trainToy(folder, name.replaceAll(' ', '-').toLowerCase(), {
      ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 4 },
      method: { preset: 'Full', precision: { type: 'Float32' } },
      formats: ['CompressedTensors'],
      output: { quantization: { ...own, calibrationSequences: 4 } },
      evaluation: { profile: 'Disabled' },
    });
    using files = openModel(run.base);
    const ids = [...checkIds(files.config.V)];
    const out = join(folder, `${name}.safetensors`);
    const place = join(run.result, 'compressed-tensors');
    await askPeer('low_rank_peer.py', [place, out, JSON.stringify(ids)]);
    const record = await requireRecord(run.folder, runFiles.run, runRecord);
    const { quantization } = record.spec.output;
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    const facts = { files, model, run: record } as unknown as ArtifactFacts;
    const silent = { emit: () => {}, stop: new AbortController().signal };
    const copy = await quantizedArtifact(facts, 'CompressedTensors', quantization!, silent).reload(
      place,
      'float32',
    );
    using _copied = copy.parameters;
    using theirs = openSafetensors(out);
    scope(() => {
      t.is(Number(theirs.load('layers').numel), 7 * files.config.L);
      const gap = largestGap(checkLogits(copy), theirs.load('logits'));
      const without = largestGap(checkLogits(copy), theirs.load('without'));
      t.log(
        `logits differ by ${gap.toExponential(1)}, without the branch by ${without.toFixed(2)}`,
      );
      t.true(gap <= tolerance, `${gap}`);
      t.true(without > 100 * tolerance, `${without}`);
    });
  });
}
