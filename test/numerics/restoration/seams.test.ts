// What methods hook into linear layers by, they hook into convolutions by: inputs that are shown,
// rotated products, frozen weights in codes.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { type BuildOptions, buildModel } from '../../../worker/engine/build-model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { Halo } from '../../../worker/methods/precision/halo.ts';
import { nf4 } from '../../../worker/methods/weights/nf4.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { pairSequence, restorationSource } from '../../toy/restoration.ts';

const source = restorationSource({ num_feat: 32 });
const batch = [pairSequence([1, 2])];

function aNetwork(options: Partial<BuildOptions> = {}) {
  return buildModel(source, {
    ...{ dtype: 'float64', adapter: null, sequenceLength: 64 },
    ...options,
  });
}

test('the layers of a block are its convolutions, as products of patches', (t) => {
  t.deepEqual(
    linearLayers(source.config).map(({ model: _, ...layer }) => layer),
    ['body.2', 'body.4', 'body.6', 'body.8'].map((path, i) => ({
      ...{ path, layer: Math.floor(i / 2), role: 'conv', out: 32, in: 288, kernel: 3 },
    })),
  );
});

test('an observer sees the patches of each convolution, and changes no bit', (t) => {
  const model = aNetwork();
  using _parameters = model.parameters;
  scope(() => {
    const sequences = batch.map((host) => toSequence(model, host));
    const bytesOf = (walk: BlockWalk, input?: (path: string, x: Tensor) => void) =>
      walk.finish(input === undefined ? {} : { input }).map((x) => Buffer.from(toBytes(x)));
    using plain = new BlockWalk(model, sequences);
    const expected = bytesOf(plain);
    const seen = new Map<string, readonly number[]>();
    using watched = new BlockWalk(model, sequences);
    const found = bytesOf(watched, (path, x) => void seen.set(path, x.shape));
    t.deepEqual(found, expected);
    t.deepEqual(
      [...seen],
      linearLayers(source.config).map(({ path, in: inputs }) => [path, [40, inputs]]),
    );
  });
});

test('products that are rotated but not rounded have the same gradients', (t) => {
  const plain = aNetwork();
  using _plain = plain.parameters;
  const precision = new Halo({
    ...{ format: 'Exact', level: 2, reuses: true, rotation: 'Hartley', tokenBlock: 1024 },
    excludes: (path) => path === 'body.6',
  });
  const rotated = aNetwork({ precision });
  using _rotated = rotated.parameters;
  const gap = stepGap(gradientsOf(plain, batch), gradientsOf(rotated, batch, 'recompute'));
  // Rotations there and back of rows of 32 to 288 values, in four layers.
  t.true(gap <= 1e-11, `${gap}`);
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  const adapter = lora({
    ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  const shared = { adapter, dtype: 'float32' } as const;
  const store = nf4({ blockSize: 32, scales: 'DoubleQuantized' });
  const coded = aNetwork({ ...shared, store });
  using _coded = coded.parameters;
  const inCodes = new Set(linearLayers(source.config).map(({ path }) => `${path}.weight`));
  const load: typeof source.load = (name, dtype) =>
    inCodes.has(name)
      ? ops.dequantizeWeight(coded.parameters.value(name), { dtype })
      : source.load(name, dtype);
  const decoded = buildModel({ ...source, load }, { ...shared, sequenceLength: 64 });
  using _decoded = decoded.parameters;
  const [ours, theirs] = [coded, decoded].map((model) => gradientsOf(model, batch));
  t.is(ours?.gradients.size, 8);
  t.true(ours !== undefined && theirs !== undefined && stepGap(ours, theirs) <= 1e-5);
  t.true([...(ours?.gradients.values() ?? [])].flat().some((g) => g !== 0));
});
