// A network that was searched, found and trained: a torch module of the published folder restores
// the same pictures, from its weights and from its packed integers.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { colourPng } from '../builders/pictures.ts';
import { supernetJson } from '../toy/quantnas-json.ts';
import { pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, restoredBy } from './same-numbers.ts';
import { trainedModel, trainHere } from './train-job.ts';

const size = { height: 8, width: 6 };
const batch = pairSequence([1], { ...size, scale: 2 });
/** Float32 here and float64 there, on values of 1 behind ten convolutions. */
const rounding = 2e-5;

test('torch rebuilds what was found and trained, from weights and from integers', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-found-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const each of ['space', 'pictures']) await mkdir(join(folder, each));
  await writeFile(join(folder, 'space/config.json'), JSON.stringify(supernetJson()));
  for (let i = 0; i < 4; i += 1) {
    await writeFile(join(folder, 'pictures', `${i}.png`), colourPng(i, 30 + i, 28));
  }
  const job = (name: string, model: object, training: object) =>
    trainHere(folder, name, {
      model: { task: 'Restoration', ...model },
      dataset: { train: { local: { path: 'pictures' } }, restoration: { crop: 12 } },
      method: { preset: 'QuantNAS' },
      training: { maxSteps: 6, globalBatchSize: 2, learningRate: '1e-2', ...training },
      worker: { devicesPerWorker: 0 },
      output: { formats: ['MergedSafetensors'], destination: { local: { path: name } } },
    });
  const space = { source: { local: { path: 'space' } }, initialization: 'FromScratch' };
  await job('search', space, { architectureSearch: { warmupSteps: 2, learningRate: '1' } });
  const found = { source: { local: { path: 'search/merged/found' } } };
  const run = await job('trained', found, {});
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  const ours = restoredBy(model, batch, size);
  const valuesOf = (name: string) => [...(batch.values?.[name]?.values ?? [])];
  const request = (path: string, more: object = {}) => ({
    ...{ path: join(folder, path), ...size, ...more },
    ...{ input: valuesOf('input'), target: valuesOf('target') },
  });
  const requests = {
    before: request('search/merged/found'),
    weights: request('trained/merged'),
    integers: request('trained/merged', { integers: true }),
  };
  const judged = join(folder, 'judged.safetensors');
  await askPeer('quantnas_peer.py', [judged, JSON.stringify(requests)]);
  using peer = openSafetensors(judged);
  const gapTo = (name: string) =>
    largestGap(
      ours,
      scope(() => toArray(peer.load(`${name}.restored`))),
    );
  t.true(gapTo('before') > 1e-3, 'it learned something');
  for (const name of ['weights', 'integers']) {
    t.true(gapTo(name) <= rounding, `${name}: ${gapTo(name)}`);
  }
});
