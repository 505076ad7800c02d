// Whisper against transformers in float64: the same logits and gradients. Folders that transformers
// saved are read.
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
import { whisperName } from '../../worker/whisper/names.ts';
import { gradientsOf } from '../builders/training.ts';
import { makeWhisper, melOf, soundSequence, toySounds, whisperJson } from '../toy/whisper.ts';
import { askPeer } from './ask-peer.ts';

let folder = '';
const judged = () => join(folder, 'judged.safetensors');
/** As many as the toys have positions for, which is all that transformers takes. */
const frames = 16;

const toys = {
  whisper: {},
  'whisper-plain': { activation_function: 'gelu_new', encoder_layers: 1, decoder_layers: 2 },
} as const;
const saved = ['whisper-saved'] as const;
const names = [...Object.keys(toys), ...saved];

/** Rows of one length for the judge: the longest document and pads. */
function padded(values: (one: HostSequence) => Int32Array, pad: number): readonly number[][] {
  const rows = toySounds.map((sound) => [...values(soundSequence([sound]))]);
  const longest = Math.max(...rows.map(({ length }) => length));
  return rows.map((row) => [...row, ...new Array<number>(longest - row.length).fill(pad)]);
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-whisper-'));
  const requests: Record<string, unknown> = {};
  for (const [name, config] of Object.entries(toys)) {
    await makeWhisper(join(folder, name), { config });
  }
  for (const name of saved) {
    const config = whisperJson();
    requests[`${name} made`] = { save: join(folder, name), bare: false, config };
    requests[`${name} bare`] = { save: join(folder, `${name}-bare`), bare: true, config };
  }
  for (const name of names) {
    requests[name] = {
      path: join(folder, name),
      mel: toySounds.flatMap((sound) => [...melOf(sound, frames)]),
      shape: [toySounds.length, 5, frames],
      ids: padded(({ ids }) => ids, 1),
      labels: padded(({ labels }) => labels, -100),
    };
  }
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('whisper_peer.py', [judged(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

function logitsOf(model: Model, host: HostSequence): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    return toArray(
      model.network.logits(
        model,
        model.network.targetStates(model, x, sequence, walk.sides[0] ?? {}),
      ),
    );
  });
}

function largestGap(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  return Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
}

for (const name of names) {
  test(`transformers has the logits and all gradients of ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 64 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const sequence = soundSequence(toySounds, { padding: 3 });
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

for (const name of saved) {
  test(`the model without a head that transformers saved is that of its file: ${name}`, (t) => {
    const path = join(folder, `${name}-bare`);
    using files = openModel(path);
    using raw = openSafetensors(join(path, 'model.safetensors'));
    const inFile = new Map([...raw.header.tensors.keys()].map((each) => [whisperName(each), each]));
    t.is(inFile.size, files.tensorNames.length);
    scope(() => {
      for (const each of files.tensorNames) {
        const theirs = toArray(raw.load(inFile.get(each) ?? ''));
        t.deepEqual(toArray(files.load(each)), theirs, each);
      }
    });
  });
}
