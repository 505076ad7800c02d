// Whisper against transformers in float64: the same logits and gradients. Folders that transformers
// saved are read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { whisperName } from '../../worker/whisper/names.ts';
import { makeWhisper, melOf, soundSequence, toySounds, whisperJson } from '../toy/whisper.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, outputsOn } from './same-numbers.ts';

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

for (const name of names) {
  test(`transformers has the logits and all gradients of ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 64 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const sequence = soundSequence(toySounds, { padding: 3 });
    const theirs = scope(() => toArray(peer.load(`${name}.logits`)));
    const off = largestGap(outputsOn(model, sequence), theirs);
    t.true(off <= 1e-10, `logits: ${off}`);
    hasGradientsOf(t, model, sequence, { peer, name });
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
