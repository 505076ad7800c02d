// Pictures of composed adapters: what each composition is equal to.
import test from 'ava';
import { composeModes } from '../../../crds/names/compose-modes.ts';
import type { PictureComposition } from '../../../crds/sample/settings.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import {
  denoisedPictures,
  firstNoise,
  guidedNoise,
  samplePictures,
} from '../../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { factorA, factorB } from '../../../worker/methods/adapters/adapter.ts';
import { standardLora } from '../../../worker/methods/adapters/standard-lora.ts';
import { adaptedModel } from '../../../worker/sample/adapted-model.ts';
import { composedModel, type Given, singleModel } from '../../../worker/sample/composed-model.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aSampling, classes, gapOf, picturesOf } from '../../toy/sampling.ts';

test.before(() => setThreads(1));

type Facts = Omit<PictureComposition, 'name'>;

const parts = (...names: readonly string[]) => names.map((adapter) => ({ adapter, weight: 1 }));

function made(facts: Facts, given: Given): Float32Array {
  return picturesOf(composedModel(facts, given), given);
}

/** As far as rounding in float32 moves pictures in a dozen steps. */
const rounding = 1e-4;

async function threeAdapters(t: Parameters<typeof aSampling>[0]) {
  const sampling = await aSampling(t);
  for (const [name, rank] of [
    ['one', 4],
    ['three', 2],
    ['fourth', 6],
  ] as const) {
    await sampling.write(name, { rank });
    await sampling.load(name);
  }
  return sampling;
}

test.serial('an adapter has the pictures of the model that it was trained beside', async (t) => {
  const { path, write, load, given, base } = await aSampling(t);
  await write('one', { alpha: 4 });
  const adapter = await load('one');
  using files = openModel(path);
  const model = buildModel(modelSource(files), {
    ...{ dtype: 'float32', sequenceLength: undefined, trains: () => false },
    adapter: standardLora({
      ...{ rank: 4, alpha: 4, dropout: 0, targets: () => true, seed: 1n, dtype: 'float32' },
    }),
  });
  using _parameters = model.parameters;
  scope(() => {
    for (const { path: own } of linearLayers(base.config)) {
      const { A, B } = adapter.factors(`${own}.weight`) ?? t.fail(own);
      ops.copy_(model.parameters.value(`${own}.${factorA}`), A);
      ops.copy_(model.parameters.value(`${own}.${factorB}`), B);
    }
  });
  const asked = given();
  const { settings, sampler } = asked;
  const first = firstNoise(diffusionConfig(base.config), classes.length, settings.seed);
  const wanted = samplePictures(model, first, { classes, sampler, ...settings });
  // Training multiplies by the factors in other products than those of adapters that are served.
  t.true(gapOf(picturesOf(singleModel('one', asked), asked), wanted) <= rounding);
  const ofBase = samplePictures(base, first, { classes, sampler, ...settings });
  t.deepEqual(picturesOf(singleModel('base', asked), asked), ofBase);
  t.true(gapOf(wanted, ofBase) > 100 * rounding, 'the adapter changes pictures');
});

for (const mode of composeModes) {
  test.serial(`${mode} of one part has the bits of the part`, async (t) => {
    const { given } = await threeAdapters(t);
    const asked = given();
    const alone = picturesOf(singleModel('one', asked), asked);
    t.deepEqual(made({ mode, parts: parts('one'), span: 3 }, asked), alone);
    const other = picturesOf(singleModel('three', asked), asked);
    t.true(gapOf(alone, other) > 100 * rounding);
  });

  test.serial(`${mode}: the order of the parts`, async (t) => {
    const { given } = await threeAdapters(t);
    const asked = given();
    const span = 4;
    const found = made({ mode, parts: parts('one', 'three', 'fourth'), span }, asked);
    const turned = made({ mode, parts: parts('fourth', 'one', 'three'), span }, asked);
    if (mode === 'dominant') t.deepEqual(found, turned, 'frequencies put them in order');
    else if (mode === 'switch') t.true(gapOf(found, turned) > rounding, 'the first begins');
    else t.true(gapOf(found, turned) <= rounding, 'sums are rounded in another order');
  });
}

test.serial('merge is the model with the sum of the changes in its weights', async (t) => {
  const { given, base, write, load, path } = await aSampling(t);
  const folders = [await write('one'), await write('three', { rank: 2, alpha: 3 })];
  await load('one');
  await load('three');
  const asked = given();
  const weights = [0.75, -0.5];
  const named = parts('one', 'three').map((one, i) => ({ ...one, weight: weights[i] ?? 0 }));
  const found = made({ mode: 'merge', parts: named, span: null }, asked);
  using files = openModel(path);
  const merged = buildModel(modelSource(files), {
    ...{ dtype: 'float32', sequenceLength: undefined, adapter: null, trains: () => true },
  });
  using _parameters = merged.parameters;
  scope(() => {
    for (const layer of linearLayers(base.config)) {
      const weight = merged.parameters.value(`${layer.path}.weight`);
      for (const [i, folder] of folders.entries()) {
        ops.add_(weight, ops.mulScalar(folder.changeOf(layer), weights[i] ?? 0));
      }
    }
  });
  const { settings, sampler } = asked;
  const first = firstNoise(diffusionConfig(base.config), classes.length, settings.seed);
  const wanted = samplePictures(merged, first, { classes, sampler, ...settings });
  t.true(gapOf(found, wanted) <= rounding, `${gapOf(found, wanted)}`);
});

test.serial('adapters of zeros have the pictures of the base, in each mode', async (t) => {
  const { given, write, load } = await aSampling(t);
  await write('zero', { size: 0 });
  await write('none', { size: 0, rank: 2 });
  await load('zero');
  await load('none');
  const asked = given();
  const base = picturesOf(singleModel('base', asked), asked);
  for (const mode of composeModes) {
    // Blocks that are not computed would be those of other steps.
    const span = mode === 'dominant' ? 1 : 3;
    const found = made({ mode, parts: parts('zero', 'none'), span }, asked);
    t.true(gapOf(found, base) <= rounding, `${mode}: ${gapOf(found, base)}`);
  }
});

test.serial(
  'dominant is the weighted mean of the noise that the parts find, step by step',
  async (t) => {
    const { given, base } = await threeAdapters(t);
    const asked = given({ caches: false });
    const { settings, sampler, adapters } = asked;
    using own = composedModel(
      { mode: 'dominant', parts: parts('one', 'three'), span: null },
      asked,
    );
    const found = picturesOf(own, asked);
    const models = ['one', 'three'].map((name) => {
      const adapter = adapters.get(name);
      return adapter === undefined ? t.fail(name) : adaptedModel(base, adapter);
    });
    // Written again: N - 0.5 and 1 of N parts for the first turn, then all alike.
    const { turns = [] } = own.sequencing ?? {};
    const leads = turns[0]?.leader === 'one' ? 0 : 1;
    t.deepEqual(turns.map(({ weight }) => weight).slice(0, 3), [1.5, 1, 1]);
    const first = firstNoise(diffusionConfig(base.config), classes.length, settings.seed);
    const wanted = denoisedPictures(
      base,
      first,
      { sampler, steps: settings.steps },
      (x, { time }, i) => {
        const at = { classes, guidance: settings.guidance, time, row: 0 };
        const [a = x, b = x] = models.map((model) => guidedNoise(model, x, at));
        const share = i < 2 ? (leads === 0 ? 0.6 : 0.4) : 0.5;
        return ops.add(ops.mulScalar(a, share), ops.mulScalar(b, 1 - share));
      },
    );
    t.true(gapOf(found, wanted) <= rounding, `${gapOf(found, wanted)}`);
  },
);

test.serial('turns of one step keep nothing: the bits of no cache', async (t) => {
  const { given } = await threeAdapters(t);
  const of = (span: number | null, caches: boolean) =>
    made({ mode: 'dominant', parts: parts('one', 'three'), span }, given({ caches }));
  t.deepEqual(of(1, true), of(1, false));
  t.notDeepEqual(of(3, true), of(3, false));
});

test.serial('deep blocks that add nothing may be kept: the bits of no cache', async (t) => {
  const isDeep = (name: string): boolean => /_blocks\.[123]\.norm1\.linear\./.test(name);
  const { given, write, load } = await aSampling(t, {
    changed: (name, values) => void (isDeep(name) && values.fill(0)),
  });
  // Gates are 0, and stay it.
  for (const name of ['one', 'three']) await write(name, { without: ['linear'] });
  for (const name of ['one', 'three']) await load(name);
  const of = (caches: boolean) =>
    made({ mode: 'dominant', parts: parts('one', 'three'), span: null }, given({ caches }));
  t.deepEqual(of(true), of(false));
});

test.serial('nothing is left behind', async (t) => {
  const { given } = await threeAdapters(t);
  const asked = given();
  const before = liveHandles();
  for (const mode of composeModes) made({ mode, parts: parts('one', 'three'), span: 2 }, asked);
  t.is(liveHandles(), before);
});
