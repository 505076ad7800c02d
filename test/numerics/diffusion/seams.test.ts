// What methods hook into a decoder by, they hook into a diffusion transformer by: inputs of linear
// layers that are shown, and frozen weights in codes; the layer of scales and shifts included.
import test from 'ava';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { diffusionTensors } from '../../../worker/diffusion/names.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { type BuildOptions, buildModel } from '../../../worker/engine/build-model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { valuesOf } from '../../../worker/families/family.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { nf4 } from '../../../worker/methods/weights/nf4.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toBytes } from '../../../worker/tensor/tensor.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { diffusionSource, noisedPictures } from '../../toy/diffusion.ts';

const source = diffusionSource({ attention_head_dim: 32, num_layers: 2 });
const packed = [noisedPictures([0, 1, 2])];

function aModel(options: Partial<BuildOptions> = {}) {
  return buildModel(source, {
    ...{ dtype: 'float64', adapter: null, sequenceLength: 16 },
    ...options,
  });
}

test('an observer sees the input of each linear layer, and changes no bit', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  scope(() => {
    const sequences = packed.map((host) => toSequence(model, host));
    const bytesOf = (
      walk: BlockWalk,
      input?: (path: string, x: { shape: readonly number[] }) => void,
    ) => walk.finish(input === undefined ? {} : { input }).map((x) => Buffer.from(toBytes(x)));
    using plain = new BlockWalk(model, sequences);
    const expected = bytesOf(plain);
    const seen = new Map<string, readonly number[]>();
    using watched = new BlockWalk(model, sequences);
    const found = bytesOf(watched, (path, x) => void seen.set(path, x.shape));
    t.deepEqual(found, expected);
    const rows = (path: string) => (path.endsWith('norm1.linear') ? 3 : packed[0]?.ids.length);
    t.deepEqual(
      [...seen],
      linearLayers(source.config).map(({ path, in: inputs }) => [path, [rows(path), inputs]]),
    );
  });
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
  const decoded = buildModel({ ...source, load }, { ...shared, sequenceLength: 16 });
  using _decoded = decoded.parameters;
  const [ours, theirs] = [coded, decoded].map((model) => gradientsOf(model, packed));
  t.is(ours?.gradients.size, 2 * layers.length);
  t.true(ours !== undefined && theirs !== undefined && stepGap(ours, theirs) <= 1e-5);
  t.true([...(ours?.gradients.values() ?? [])].flat().some((g) => g !== 0));
});

test('a plan counts the layers and values that there are', (t) => {
  for (const changes of [{}, { attention_bias: false, out_channels: 4, num_layers: 1 }]) {
    const { config } = diffusionSource(changes);
    const facts = factsOf(config);
    t.is(parametersOf(facts).total, valuesOf(diffusionTensors(diffusionConfig(config))));
    t.deepEqual(
      linearsOf(facts).map(({ path, out, in: inputs }) => ({ path, out, in: inputs })),
      linearLayers(config)
        .filter(({ layer }) => layer === 0)
        .map(({ path, out, in: inputs }) => ({ path, out, in: inputs })),
    );
  }
});
