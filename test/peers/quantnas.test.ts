// Networks that are searched and found against a torch module that is rebuilt from their folder, in
// float64: the same pictures and gradients.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeQuantNas } from '../toy/quantnas.ts';
import { foundJson, supernetJson } from '../toy/quantnas-json.ts';
import { pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';
import { hasGradientsOf, largestGap, restoredBy } from './same-numbers.ts';

const size = { height: 6, width: 5 };
const batch = pairSequence([1, 2, 3], { ...size, scale: 2 });
const cases = {
  searched: supernetJson(),
  'searched in three widths': supernetJson({ bits: [2, 3, 8], operations: ['growth1_3x3'] }),
  found: foundJson(),
};

let folder = '';
const judged = () => join(folder, 'judged.safetensors');

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-quantnas-'));
  const valuesOf = (key: string) => [...(batch.values?.[key]?.values ?? [])];
  const requests: Record<string, unknown> = {};
  for (const [name, json] of Object.entries(cases)) {
    const path = await makeQuantNas(join(folder, name), json);
    requests[name] = { path, ...size, input: valuesOf('input'), target: valuesOf('target') };
  }
  await askPeer('quantnas_peer.py', [judged(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

for (const name of Object.keys(cases)) {
  test(`a module of torch restores the same pictures, with the same gradients: ${name}`, (t) => {
    using peer = openSafetensors(judged());
    // Without noise there is a number to compare.
    using files = openModel(join(folder, name), { surrogate: 'Rounding' });
    const options = { dtype: 'float64', adapter: null, sequenceLength: undefined } as const;
    const model = buildModel(modelSource(files), options);
    using _parameters = model.parameters;
    const theirs = scope(() => toArray(peer.load(`${name}.restored`)));
    const restored = largestGap(restoredBy(model, batch, size), theirs);
    t.true(restored <= 1e-10, `pictures: ${restored}`);
    hasGradientsOf(t, model, batch, { peer, name });
  });
}
