// Vision transformers with a head for classes against transformers in float64: the same logits and
// gradients, also where positions are resized. Folders that transformers saved are read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { visionConfig } from '../../worker/vision/config.ts';
import { visionNames } from '../../worker/vision/families.ts';
import { visionName } from '../../worker/vision/file-names.ts';
import {
  makeVision,
  type Picture,
  pictureSequence,
  pixelsOf,
  toyPictures,
  visionJson,
  widePictures,
} from '../toy/vision.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, outputsOn } from './same-numbers.ts';

let folder = '';
const judged = () => join(folder, 'judged.safetensors');

interface Case {
  readonly name: string;
  /** Folder with the model. */
  readonly of: string;
  readonly pictures: readonly Picture[];
}

const toys = visionNames.flatMap((type) => [
  { name: type, type, config: {} },
  { name: `${type}-plain`, type, config: { qkv_bias: false, hidden_act: 'gelu_new' } },
]);
const saved = visionNames.map((type) => ({ name: `${type}-saved`, type }));

const cases: readonly Case[] = [
  ...toys.map(({ name }) => ({ name, of: name, pictures: toyPictures })),
  ...visionNames.map((name) => ({ name: `${name}-wide`, of: name, pictures: widePictures })),
  ...saved.map(({ name }) => ({ name, of: name, pictures: toyPictures })),
];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-vision-'));
  const requests: Record<string, unknown> = {};
  for (const { name, type, config } of toys) {
    await makeVision(join(folder, name), type, { config });
  }
  for (const { name, type } of saved) {
    const config = visionJson(type);
    requests[`${name} made`] = { save: join(folder, name), headless: false, config };
    requests[`${name} bare`] = { save: join(folder, `${name}-bare`), headless: true, config };
  }
  for (const { name, of, pictures } of cases) {
    const [{ height, width } = { height: 0, width: 0 }] = pictures;
    requests[name] = {
      path: join(folder, of),
      pixels: pictures.flatMap((picture) => [...pixelsOf(picture)]),
      shape: [pictures.length, 3, height, width],
      labels: pictures.map(({ label }) => label),
    };
  }
  const file = join(folder, 'requests.json');
  await writeFile(file, printConfig(requests));
  await askPeer('vision_peer.py', [judged(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

for (const { name, of, pictures } of cases) {
  test(`transformers has the logits and all gradients of ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, of));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 64 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    t.deepEqual(files.headers.made, []);
    const sequence = pictureSequence(visionConfig(model.config), pictures, { padding: 3 });
    const theirs = scope(() => toArray(peer.load(`${name}.logits`)));
    const off = largestGap(outputsOn(model, sequence), theirs);
    t.true(off <= 1e-10, `logits: ${off}`);
    hasGradientsOf(t, model, sequence, { peer, name });
  });
}

for (const { name, type } of saved) {
  test(`the model without a head that transformers saved of ${type} is that of its file`, (t) => {
    const path = join(folder, `${name}-bare`);
    using files = openModel(path, { labels: 5 });
    using raw = openSafetensors(join(path, 'model.safetensors'));
    t.deepEqual(files.headers.made, ['classifier.weight', 'classifier.bias']);
    const inFile = new Map(
      [...raw.header.tensors.keys()].map((each) => [visionName(each, { family: type }), each]),
    );
    scope(() => {
      for (const each of files.tensorNames.filter((own) => !own.startsWith('classifier'))) {
        const theirs = toArray(raw.load(inFile.get(each) ?? ''));
        t.deepEqual(toArray(files.load(each)), theirs, each);
      }
    });
  });
}
