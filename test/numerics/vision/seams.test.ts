// What methods hook into a decoder by, they hook into a vision transformer by: inputs of linear
// layers that are shown, rotated products, frozen weights in codes.
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
import { visionConfig } from '../../../worker/vision/config.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { pictureSequence, toyPictures, visionSource } from '../../toy/vision.ts';

const source = visionSource('dinov2', { hidden_size: 64 });
const packed = [pictureSequence(visionConfig(source.config), toyPictures, { padding: 2 })];

function aModel(options: Partial<BuildOptions> = {}) {
  return buildModel(source, {
    ...{ dtype: 'float64', adapter: null, sequenceLength: 64 },
    ...options,
  });
}

test('an observer sees the input of each linear layer, and changes no bit', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  scope(() => {
    const sequences = packed.map((host) => toSequence(model, host));
    const bytesOf = (walk: BlockWalk, input?: (path: string, x: Tensor) => void) =>
      walk.finish(input === undefined ? {} : { input }).map((x) => Buffer.from(toBytes(x)));
    using plain = new BlockWalk(model, sequences);
    const expected = bytesOf(plain);
    const seen = new Map<string, readonly number[]>();
    using watched = new BlockWalk(model, sequences);
    const found = bytesOf(watched, (path, x) => void seen.set(path, x.shape));
    t.deepEqual(found, expected);
    const layers = linearLayers(source.config);
    t.deepEqual(
      [...seen],
      layers.map((layer) => [layer.path, [packed[0]?.ids.length, layer.in]]),
    );
  });
});

test('products that are rotated but not rounded have the same gradients', (t) => {
  const plain = aModel();
  using _plain = plain.parameters;
  const precision = new Halo({
    ...{ format: 'Exact', level: 2, reuses: true, rotation: 'Hartley', tokenBlock: 1024 },
    excludes: (path) => path.endsWith('layer.1.attention.k_proj'),
  });
  const rotated = aModel({ precision });
  using _rotated = rotated.parameters;
  const gap = stepGap(gradientsOf(plain, packed), gradientsOf(rotated, packed, 'recompute'));
  // Rotations there and back of rows of 64 to 96 values, in six layers of each of two blocks.
  t.true(gap <= 1e-11, `${gap}`);
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  const adapter = lora({
    ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  const shared = { adapter, dtype: 'float32' } as const;
  const store = nf4({ blockSize: 32, scales: 'DoubleQuantized' });
  const coded = aModel({ ...shared, store });
  using _coded = coded.parameters;
  const layers = linearLayers(source.config);
  const inCodes = new Set(layers.map(({ path }) => `${path}.weight`));
  const load: typeof source.load = (name, dtype) =>
    inCodes.has(name)
      ? ops.dequantizeWeight(coded.parameters.value(name), { dtype })
      : source.load(name, dtype);
  const decoded = buildModel({ ...source, load }, { ...shared, sequenceLength: 64 });
  using _decoded = decoded.parameters;
  const [ours, theirs] = [coded, decoded].map((model) => gradientsOf(model, packed));
  // And the layer of classes, which trains beside any adapter.
  t.is(ours?.gradients.size, 2 * layers.length + 2);
  t.true(ours !== undefined && theirs !== undefined && stepGap(ours, theirs) <= 1e-5);
  t.true([...(ours?.gradients.values() ?? [])].flat().some((g) => g !== 0));
});
