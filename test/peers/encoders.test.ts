// Encoders with a head for classes against transformers in float64: the judge pads, this program
// packs, and both have the same logits and gradients. Folders that transformers saved are read.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { encoderConfig } from '../../worker/encoder/config.ts';
import { type EncoderName, encoderNames } from '../../worker/encoder/families.ts';
import { classLogs } from '../../worker/encoder/head.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { toSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors, type SafetensorsFile } from '../../worker/files/safetensors.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { classSequence, encoderJson, makeEncoder, toyExamples } from '../toy/encoder.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap } from './same-numbers.ts';

let folder = '';
const judged = () => join(folder, 'judged.safetensors');
const forms = ['whole', 'encoder'] as const;

/** Saved by transformers in its own sizes: with a head, and the encoder alone. */
const saved = encoderNames.flatMap((type) =>
  forms.map((form) => ({ name: `${type}-${form}`, type, encoderOnly: form === 'encoder' })),
);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-encoders-'));
  const requests: Record<string, unknown> = {};
  for (const name of encoderNames) {
    requests[name] = { path: await makeEncoder(join(folder, name), name), examples: toyExamples };
    const config = { hidden_act: 'gelu_new' };
    const path = await makeEncoder(join(folder, `${name}-tanh`), name, { config });
    requests[`${name}-tanh`] = { path, examples: toyExamples };
  }
  for (const { name, type, encoderOnly } of saved) {
    const { architectures: _, ...config } = encoderJson(type, { max_position_embeddings: 24 });
    requests[name] = { save: join(folder, name), encoderOnly, config };
    if (encoderOnly) continue;
    requests[`${name} judged`] = { path: join(folder, name), examples: toyExamples };
  }
  await askPeer('encoders_peer.py', [judged(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** Logs of the probabilities of the classes of each example, packed. */
function logsOf(model: Model): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, classSequence(toyExamples, { padding: 3 }));
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const rows = ops.indexSelect(x, 0, sequence.rows);
    return toArray(
      classLogs(encoderConfig(model.config), rows, (name) => model.parameters.value(name)),
    );
  });
}

const logits = (peer: SafetensorsFile, name: string) =>
  scope(() => toArray(ops.logSoftmax(peer.load(`${name}.logits`), -1)));

const agrees = test.macro({
  exec(t, name: string, path: string) {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, path));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 16 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    t.deepEqual(files.headers.made, []);
    const off = largestGap(logsOf(model), logits(peer, name));
    t.true(off <= 1e-10, `logits: ${off}`);
    hasGradientsOf(t, model, classSequence(toyExamples, { padding: 3 }), { peer, name });
  },
  title: (_, name: string) => `transformers has the logits and all gradients of ${name}`,
});
for (const name of encoderNames) {
  test(agrees, name, name);
  test(agrees, `${name}-tanh`, `${name}-tanh`);
  test(agrees, `${name}-whole judged`, `${name}-whole`);
}

const heads: Readonly<Record<EncoderName, readonly string[]>> = {
  bert: ['classifier.weight', 'classifier.bias'],
  roberta: [
    ...['classifier.dense.weight', 'classifier.dense.bias'],
    ...['classifier.out_proj.weight', 'classifier.out_proj.bias'],
  ],
};

for (const type of encoderNames) {
  test(`the encoder alone that transformers saved of ${type} is that of its file, with a head that is made`, (t) => {
    const path = join(folder, `${type}-encoder`);
    using files = openModel(path, { labels: 5 });
    using raw = openSafetensors(join(path, 'model.safetensors'));
    t.deepEqual(files.headers.made, heads[type]);
    t.is(encoderConfig(files.config).labels, 5);
    scope(() => {
      for (const name of files.tensorNames.filter((each) => !heads[type].includes(each))) {
        const theirs = toArray(raw.load(name.slice(type.length + 1)));
        t.deepEqual(toArray(files.load(name)), theirs, name);
      }
    });
  });
}
