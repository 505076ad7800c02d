// A search and the training of what it found, by the roles of the worker: a stop anywhere.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { colourPng } from '../../builders/pictures.ts';
import { ToyRun, trainWithStop } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { supernetJson } from '../../toy/quantnas-json.ts';

const architectureSearch = {
  ...{ warmupSteps: 2, learningRate: '1', penalty: '1e-1', entropy: '1e-2' },
};
const searched = { maxSteps: 8, architectureSearch };

/** A folder with pictures and a space. */
async function aPlace(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  for (const each of ['space', 'pictures']) await mkdir(join(folder.path, each));
  await writeFile(join(folder.path, 'space/config.json'), JSON.stringify(supernetJson()));
  for (let i = 0; i < 4; i += 1) {
    await writeFile(join(folder.path, `pictures/${i}.png`), colourPng(i, 30 + i, 28));
  }
  return folder.path;
}

function aRun(place: string, name: string, { model, training }: Readonly<Record<string, object>>) {
  const spec = {
    model: { task: 'Restoration', ...model },
    dataset: {
      ...{ train: { local: { path: 'pictures' } }, heldOut: { samples: 1 } },
      restoration: { crop: 12 },
    },
    method: { preset: 'QuantNAS' },
    training: { maxSteps: 4, globalBatchSize: 2, learningRate: '1e-2', ...training },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['MergedSafetensors'], destination: { local: { path: name } } },
  };
  const job = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name }, spec };
  const file = join(place, `${name}.yaml`);
  // JSON is YAML.
  return writeFile(file, JSON.stringify(job)).then(() =>
    ToyRun.of(file, join(place, 'runs', name), join(place, name)),
  );
}

const space = { source: { local: { path: 'space' } }, initialization: 'FromScratch' };
const aSearch = (place: string, name: string) =>
  aRun(place, name, { model: space, training: searched });
const aTraining = (place: string, name: string, of: string) =>
  aRun(place, name, { model: { source: { local: { path: `${of}/merged/found` } } } });

const filesOf = ({ destination }: ToyRun, files: readonly string[]) =>
  Promise.all(files.map((file) => readFile(join(destination, 'merged', file))));

test('what is found is trained, and both results are read back', async (t) => {
  const place = await aPlace(t);
  const search = await aSearch(place, 'search');
  const report = await search.all();
  t.like(report.artifacts[0]?.reload, { largestLogitGap: 0 });
  const [genotype] = await filesOf(search, ['genotype.json']);
  const found = JSON.parse(String(genotype));
  t.is(found.genotype.flat().length, 4);
  // A penalty that is larger than the loss finds the cheapest: 16 products in 4 bits.
  t.is(found.bitOpsPerPixel, 4 * 16 * 16);
  t.like(search.ofType('step').at(-1), { method: 'weights and choices in turn' });
  const training = await aTraining(place, 'training', 'search');
  const trained = await training.all();
  t.like(trained.artifacts[0]?.reload, { largestLogitGap: 0 });
  const [integers] = await filesOf(training, ['integers/config.json']);
  t.deepEqual(JSON.parse(String(integers)).genotype, found.genotype);
});

test('a search that is stopped goes on with the bits of one that was not', async (t) => {
  const place = await aPlace(t);
  const whole = await aSearch(place, 'whole');
  await whole.all();
  const results = ['model.safetensors', 'found/model.safetensors', 'genotype.json'];
  for (const at of [1, 3, 4]) {
    const run = await aSearch(place, `stopped-${at}`);
    await run.prepare();
    await trainWithStop(t, run, at);
    await run.publish();
    t.deepEqual(await filesOf(run, results), await filesOf(whole, results), `${at}`);
  }
});

test('a space without a search, and a search that is not due before the end, are refused', async (t) => {
  const place = await aPlace(t);
  const none = await aRun(place, 'none', { model: space });
  await t.throwsAsync(none.prepare(), { instanceOf: UserError, message: /has no operations yet/ });
  const late = await aRun(place, 'late', {
    model: space,
    training: { maxSteps: undefined, epochs: '1', architectureSearch },
  });
  await late.prepare();
  await t.throwsAsync(late.train(), {
    instanceOf: UserError,
    message: /nothing would be searched/,
  });
});
