// A toy of each family, written as a Hugging Face folder, against transformers: what it loads and
// computes from our files is what the reference decoder computes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { type GoldenCase, golden, goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { document, referenceLogits } from '../toy/reference-decoder.ts';
import { askPeer } from './ask-peer.ts';

let folder = '';
const logits = () => join(folder, 'logits.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-toys-'));
  const requests: Record<string, unknown> = {};
  for (const { name } of golden.cases) {
    requests[name] = { path: await makeToy(join(folder, name), name), ids: goldenIds };
  }
  await askPeer('hf_logits.py', [logits(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

// Both compute in float32, in another order: some 64 roundings in a row, of logits of size 10.
const tolerance = 64 * 2 ** -24 * 10;

const agrees = test.macro({
  exec(t, { name }: GoldenCase) {
    using peer = openSafetensors(logits());
    using model = openModel(join(folder, name));
    scope(() => {
      const weights = new Map(model.tensorNames.map((each) => [each, model.load(each)]));
      const ours = toArray(referenceLogits({ config: model.config, weights }, document(goldenIds)));
      const theirs = toArray(peer.load(name));
      t.is(ours.length, theirs.length);
      const gap = Math.max(...ours.map((z, i) => Math.abs(z - (theirs[i] ?? Number.NaN))));
      t.true(gap <= tolerance, `largest gap ${gap}`);
    });
  },
  title: (_, { name }: GoldenCase) => `transformers computes the same logits for ${name}`,
});
for (const each of golden.cases) test(agrees, each);
