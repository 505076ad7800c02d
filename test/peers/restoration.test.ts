// Networks that restore pictures against the module of their authors, in float64: the same pictures
// and gradients, for enlarging ones and for one that keeps the size.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeRestoration, pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, restoredBy } from './same-numbers.ts';

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

for (const [name, scale] of Object.entries(cases)) {
  test(`the authors' module restores the same pictures, with the same gradients: ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name));
    const options = { dtype: 'float64', adapter: null, sequenceLength: 90 } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const batch = batchOf(scale);
    const theirs = scope(() => toArray(peer.load(`${name}.restored`)));
    const restored = largestGap(restoredBy(model, batch, size), theirs);
    t.true(restored <= 1e-10, `pictures: ${restored}`);
    hasGradientsOf(t, model, batch, { peer, name });
  });
}
