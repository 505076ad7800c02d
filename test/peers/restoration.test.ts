// Networks that restore pictures against the module of their authors, in float64: the same pictures
// and gradients, for enlarging ones and for one that keeps the size.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { type HostSequence, toSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { restorationConfig } from '../../worker/restoration/config.ts';
import { asPictures } from '../../worker/restoration/pictures.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { gradientsOf } from '../builders/training.ts';
import { makeRestoration, pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';

const size = { height: 6, width: 5 };
const seeds = [1, 2, 3];
const cases = { x1: 1, x2: 2, x4: 4 } as const;

let folder = '';
const judged = () => join(folder, 'judged.safetensors');
const batchOf = (scale: number): HostSequence => pairSequence(seeds, { ...size, scale });

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-restoration-'));
  const requests: Record<string, unknown> = {};
  for (const [name, scale] of Object.entries(cases)) {
    const path = await makeRestoration(join(folder, name), { config: { upscale: scale } });
    const { values = {} } = batchOf(scale);
    const valuesOf = (key: string) => [...(values[key]?.values ?? [])];
    requests[name] = { path, ...size, input: valuesOf('input'), target: valuesOf('target') };
  }
  await askPeer('restoration_peer.py', [judged(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

function restoredBy(model: Model, host: HostSequence): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const rows = model.network.targetStates(model, x, sequence, {});
    return toArray(asPictures(restorationConfig(model.config), rows, size));
  });
}

function largestGap(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  return Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
}

for (const [name, scale] of Object.entries(cases)) {
  test(`the authors' module restores the same pictures, with the same gradients: ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 90 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const batch = batchOf(scale);
    const { loss, gradients } = gradientsOf(model, [batch]);
    scope(() => {
      const restored = largestGap(restoredBy(model, batch), toArray(peer.load(`${name}.restored`)));
      t.true(restored <= 1e-10, `pictures: ${restored}`);
      const [theirs = Number.NaN] = toArray(peer.load(`${name}.loss`));
      t.true(Math.abs(loss - theirs) <= 1e-10, `${loss} and ${theirs}`);
      for (const [parameter, values] of gradients) {
        const gap = largestGap(values, toArray(peer.load(`${name}.grad.${parameter}`)));
        t.true(gap <= 1e-8, `${parameter}: ${gap}`);
      }
      const all = [...peer.header.tensors.keys()].filter((key) => key.startsWith(`${name}.grad.`));
      t.is(all.length, gradients.size, 'the judge has no other gradient');
    });
  });
}
