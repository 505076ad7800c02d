// Results in the layouts of GPTQ and AWQ against the same integers in that of compressed-tensors,
// which its package decodes. The packages for GPTQ and AWQ want CUDA or a compiler, so both layouts
// are taken apart by a reader of our own, in torch.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { askPeer } from './ask-peer.ts';
import { tolerance } from './gap.ts';
import { trainToy } from './train-job.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-layouts-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const jobs = {
  '4 bits in groups': { layouts: ['GPTQ', 'AWQ'], quantization: { groupSize: 32 } },
  // Codes straddle words.
  '3 bits by rows': {
    layouts: ['GPTQ'],
    quantization: { bits: 3, strategy: 'Channel', range: 'Symmetric' },
  },
};

for (const [name, { layouts, quantization }] of Object.entries(jobs)) {
  test(`${name}: layouts of ${layouts.join(' and ')} stand for the same values`, async (t) => {
    t.timeout(10 * 60_000);
    const run = await trainToy(folder, name.replaceAll(' ', '-'), {
      ...{ config: { hidden_size: 64, intermediate_size: 96 }, maxSteps: 2 },
      formats: ['CompressedTensors', ...layouts],
      method: { preset: 'LoRA', precision: { type: 'Float32' } },
      output: { quantization: { ...quantization, calibrationSequences: 2 } },
    });
    const folders = ['compressed-tensors', ...layouts.map((one) => one.toLowerCase())];
    const places = folders.map((one) => join(run.result, one));
    const answers = JSON.parse(await askPeer('integer_layouts_peer.py', places));
    for (const { layout, layers, weights, logits } of answers) {
      t.true(layers > 0 && layers % 7 === 0, layout);
      t.is(weights, 0, layout);
      t.true(logits <= tolerance, `${layout}: ${logits}`);
    }
    t.deepEqual(
      answers.map(({ layout }: { readonly layout: string }) => layout),
      layouts.map((one) => one.toLowerCase()),
    );
  });
}
