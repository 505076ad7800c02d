// A toy of each family, written as a Hugging Face folder, against transformers: what it loads and
// computes from our files is what the reference decoder computes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decoderConfig } from '../../worker/decoder/config.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { distillationLoss } from '../../worker/methods/rules/distillation.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { aSequence, gradientsOf, topOf } from '../builders/training.ts';
import { type GoldenCase, golden, goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { document, referenceLogits } from '../toy/reference-decoder.ts';
import { askPeer } from './ask-peer.ts';

/** Of 40 tokens, those of the teacher that are kept; the student's logits have a cap. */
const counts = [6, 40];
const distillation = { temperature: 2, weight: 0.7 };

let folder = '';
const logits = () => join(folder, 'logits.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-toys-'));
  const requests: Record<string, unknown> = {};
  for (const { name } of golden.cases) {
    requests[name] = { path: await makeToy(join(folder, name), name), ids: goldenIds };
  }
  for (const count of counts) {
    const distill = { teacher: join(folder, 'llama'), count, ...distillation };
    requests[`distilled.${count}`] = { path: join(folder, 'gemma2'), ids: goldenIds, distill };
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
      const config = decoderConfig(model.config);
      const ours = toArray(referenceLogits({ config, weights }, document(goldenIds)));
      const theirs = toArray(peer.load(name));
      t.is(ours.length, theirs.length);
      const gap = Math.max(...ours.map((z, i) => Math.abs(z - (theirs[i] ?? Number.NaN))));
      t.true(gap <= tolerance, `largest gap ${gap}`);
    });
  },
  title: (_, { name }: GoldenCase) => `transformers computes the same logits for ${name}`,
});
for (const each of golden.cases) test(agrees, each);

for (const count of counts) {
  test(`torch has the loss and the gradients of distilling ${count} of 40 tokens of llama into gemma2`, (t) => {
    using peer = openSafetensors(logits());
    const [student, teacher] = (['gemma2', 'llama'] as const).map((name) => {
      using files = openModel(join(folder, name));
      const options = { dtype: 'float64', adapter: null, sequenceLength: 12 } as const;
      return buildModel(modelSource(files), options);
    });
    if (student === undefined || teacher === undefined) throw new Error('no models');
    using _student = student.parameters;
    using _teacher = teacher.parameters;
    const { loss, divergence, gradients } = gradientsOf(student, [aSequence([goldenIds])], 'keep', {
      distilled: {
        objective: distillationLoss(distillation),
        teacher: (host) => topOf(teacher, host, { ...distillation, count }),
      },
    });
    scope(() => {
      const { weight } = distillation;
      const [theirs = Number.NaN] = toArray(peer.load(`distilled.${count}.loss`));
      const ours = (1 - weight) * loss + weight * divergence;
      // Norms and RoPE of transformers are in float32 in a model of float64, too.
      t.true(Math.abs(ours - theirs) < tolerance, `${ours} and ${theirs}`);
      for (const [name, values] of gradients) {
        const expected = toArray(peer.load(`distilled.${count}.${name}`));
        const gap = Math.max(...values.map((g, i) => Math.abs(g - (expected[i] ?? Number.NaN))));
        t.true(gap < tolerance, `${name}: ${gap}`);
      }
    });
  });
}
