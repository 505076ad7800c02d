// Trackers of objects against torch in float64, on the trunk of transformers: the same scores,
// boxes, loss and gradients, with positions that are resized and as they are.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeTracker, plainSizes, toySizes, toyTracker, trackedSequence } from '../toy/tracking.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, outputsOn } from './same-numbers.ts';
import { trackingRequest } from './tracking-request.ts';

const cases = { resized: toySizes, plain: plainSizes } as const;
const seeds = [1, 2, 3];

let folder = '';
const judged = () => join(folder, 'judged.safetensors');

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-tracking-'));
  const requests: Record<string, unknown> = {};
  for (const [name, sizes] of Object.entries(cases)) {
    const path = await makeTracker(join(folder, name), { tracking: sizes });
    const config = toyTracker(sizes);
    requests[name] = trackingRequest(config, trackedSequence(config, seeds), { path, sizes });
  }
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askPeer('tracking_peer.py', [judged(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

for (const [name, sizes] of Object.entries(cases)) {
  test(`torch finds the same boxes, with the same loss and gradients: ${name}`, (t) => {
    using peer = openSafetensors(judged());
    using files = openModel(join(folder, name), { tracking: sizes });
    t.deepEqual(files.headers.made, []);
    const options = { dtype: 'float64', adapter: null, sequenceLength: undefined } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const batch = trackedSequence(toyTracker(sizes), seeds, { padding: 3 });
    const theirs = scope(() => toArray(peer.load(`${name}.outputs`)));
    const off = largestGap(outputsOn(model, batch), theirs);
    t.true(off <= 1e-10, `outputs: ${off}`);
    hasGradientsOf(t, model, batch, { peer, name });
  });
}
