// CLIP and a dual encoder against transformers in float64: the same logits and gradients, of pairs
// and of classes. Folders that transformers saved are read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { type HostSequence, toSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { gradientsOf } from '../builders/training.ts';
import { makeClip, ofClasses, pairs, toyTexts } from '../toy/clip.ts';
import { type ClipToy, clipJson } from '../toy/clip-json.ts';
import { askPeer } from './ask-peer.ts';

let folder = '';
const judged = () => join(folder, 'judged.safetensors');

const toys: readonly ClipToy[] = ['clip', 'clip-former', 'dual'];
const saved: readonly ClipToy[] = ['clip', 'dual'];
const models = [...toys, ...saved.map((name) => `${name}-saved`)];

const classed = [
  { seed: 1, label: 2 },
  { seed: 2, label: 0 },
  { seed: 3, label: 2 },
  { seed: 4, label: 1 },
  { seed: 5, label: 0 },
];
const batches = {
  pairs: { sequence: pairs([1, 2, 3, 4], { padding: 3 }), texts: toyTexts, labels: null },
  classes: {
    sequence: ofClasses(classed, { padding: 3 }),
    texts: toyTexts.slice(0, 3),
    labels: classed.map(({ label }) => label),
  },
} as const;
const asked = models.flatMap((model) =>
  (['pairs', 'classes'] as const).map((of) => ({ name: `${model}-${of}`, model, of })),
);

/** Rows of one length: texts and pads, which are ids of the end, as CLIP's tokenizer has it. */
function padded(texts: readonly (readonly number[])[]) {
  const longest = Math.max(...texts.map(({ length }) => length));
  const filled = (row: readonly number[], own: number, pad: number) =>
    Array.from({ length: longest }, (_, i) =>
      i < row.length ? (own < 0 ? (row[i] ?? 0) : own) : pad,
    );
  return {
    ids: texts.map((row) => filled(row, -1, 39)),
    mask: texts.map((row) => filled(row, 1, 0)),
  };
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-clip-'));
  const requests: Record<string, unknown> = {};
  for (const name of toys) await makeClip(join(folder, name), name);
  for (const name of saved) {
    requests[`${name} made`] = { save: join(folder, `${name}-saved`), config: clipJson(name) };
  }
  for (const { name, model, of } of asked) {
    const { sequence, texts, labels } = batches[of];
    const { values = new Float32Array(), shape = [] } = sequence.values?.['pixels'] ?? {};
    requests[name] = {
      ...{ path: join(folder, model), pixels: [...values], labels },
      ...{ shape: [sequence.targetCount, ...shape], ...padded(texts) },
    };
  }
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('clip_peer.py', [judged(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

function logitsOf(model: Model, host: HostSequence): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const { network } = model;
    const states = network.targetStates(model, x, sequence, walk.sides[0] ?? {});
    return toArray(network.logits(model, states));
  });
}

function largestGap(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  return Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
}

for (const { name, model: from, of } of asked) {
  test(`transformers has the logits and all gradients of ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, from));
    const model = buildModel(modelSource(files), {
      dtype: 'float64',
      adapter: null,
      sequenceLength: 16,
    });
    using _parameters = model.parameters;
    const { sequence } = batches[of];
    const theirs = (tensor: string) => scope(() => toArray(peer.load(`${name}.${tensor}`)));
    const off = largestGap(logitsOf(model, sequence), theirs('logits'));
    t.true(off <= 1e-10, `logits: ${off}`);
    const { loss, gradients } = gradientsOf(model, [sequence]);
    const [judgedLoss = Number.NaN] = theirs('loss');
    t.true(Math.abs(loss - judgedLoss) <= 1e-10, `${loss} and ${judgedLoss}`);
    for (const [parameter, values] of gradients) {
      const gap = largestGap(values, theirs(`grad.${parameter}`));
      t.true(gap <= 1e-8, `${parameter}: ${gap}`);
    }
    const judgedNames = [...peer.header.tensors.keys()].filter((each) =>
      each.startsWith(`${name}.grad.`),
    );
    t.is(judgedNames.length, gradients.size, 'the judge has no other gradient');
  });
}
