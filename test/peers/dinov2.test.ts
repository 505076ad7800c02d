// Real weights of DINOv2-S/14, whose positions are resized from 37 x 37 patches, against
// transformers: the last hidden state of a picture.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import { toSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { layerNormAt } from '../../worker/nn/layer-norm.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { visionConfig } from '../../worker/vision/config.ts';
import { dinoV2 } from '../setup/dinov2.ts';
import { pictureSequence, pixelsOf } from '../toy/vision.ts';
import { askPeer } from './ask-peer.ts';

/** 8 x 10 patches, and some pixels behind them. */
const picture = { height: 117, width: 141, seed: 4, label: 0 };

test('the last hidden state of a picture is that of transformers', async (t) => {
  const base = await dinoV2();
  const folder = await mkdtemp(join(tmpdir(), 'anneal-dinov2-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const judged = join(folder, 'judged.safetensors');
  const requests = join(folder, 'requests.json');
  const { height, width } = picture;
  const request = { hidden: base, pixels: [...pixelsOf(picture)], shape: [1, 3, height, width] };
  await writeFile(requests, JSON.stringify({ dinov2: request }));
  await askPeer('vision_peer.py', [judged, requests]);
  using peer = openSafetensors(judged);
  const theirs = scope(() => toArray(peer.load('dinov2.hidden')));
  t.is(theirs.length, (1 + 8 * 10) * 384);
  using files = openModel(base);
  for (const [dtype, allowed] of [
    ['float64', 1e-9],
    // Twelve blocks of sums of 384 to 1,536 products, on values of size 10.
    ['float32', 1e-4],
  ] as const) {
    const off = Math.max(
      ...hiddenOf(files, dtype).map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))),
    );
    t.true(off <= allowed, `${dtype}: ${off}`);
  }
});

function hiddenOf(files: Parameters<typeof modelSource>[0], dtype: DType): readonly number[] {
  const model = frozenModel(modelSource(files), { dtype, sequenceLength: 128 });
  using _parameters = model.parameters;
  const config = visionConfig(model.config);
  return scope(() => {
    using walk = new BlockWalk(model, [toSequence(model, pictureSequence(config, [picture]))]);
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const value = (name: string) => model.parameters.value(name);
    return toArray(layerNormAt('dinov2.layernorm', config.normEps, value, x));
  });
}
