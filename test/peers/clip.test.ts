// CLIP and a dual encoder against transformers in float64: the same logits and gradients, of pairs
// and of classes. Folders that transformers saved are read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeClip, ofClasses, pairs, toyTexts } from '../toy/clip.ts';
import { type ClipToy, clipJson } from '../toy/clip-json.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, outputsOn } from './same-numbers.ts';

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
    const theirs = scope(() => toArray(peer.load(`${name}.logits`)));
    const off = largestGap(outputsOn(model, sequence), theirs);
    t.true(off <= 1e-10, `logits: ${off}`);
    hasGradientsOf(t, model, sequence, { peer, name });
  });
}
