// Single values of weights in PEFT's format of SHiRA: places and values of each layer, in
// `adapter_model.safetensors` beside `adapter_config.json`. PEFT wants r (out + in) of them in each
// layer, with one r for all: those that a layer lacks repeat its last place with a value of zero.

import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { shiraRank } from '../../crds/methods/spiel.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { openSafetensors, type WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { commonConfig, prefix, tensorFile, writeAdapter } from './peft-files.ts';
import { sharedBase } from './read-adapter.ts';
import { addWhole } from './whole-modules.ts';
import { roundingOf } from './written-adapter.ts';

export function shiraArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  const layers = [...model.adapted.values()];
  const counts = layers.map((layer) => ({ ...layer, places: sparseOf(model, layer).index.numel }));
  const r = shiraRank(counts) ?? doesNotFit();
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    ...roundingOf(model),
    write(folder) {
      const tensors = new Map(layers.flatMap((layer) => tensorsOfLayer(model, layer, r)));
      // It has no setting of biases.
      const { bias: _, ...common } = commonConfig(facts, layers);
      const own = { init_weights: true, mask_type: 'random', random_seed: null };
      return writeAdapter(folder, tensors, { ...common, ...own, peft_type: 'SHIRA', r }, facts);
    },
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const whole = (name: string) => file.load(`${prefix}${name}`);
      return asRead(model, whole, (path, name) => file.load(`${prefix}${path}.${name}`));
    },
  };
}

function doesNotFit(): never {
  throw new Bug(
    'a layer has fewer values than a file of SHiRA needs places, which was to be refused',
  );
}

function sparseOf(model: Model, { path }: LinearLayer) {
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta?.form !== 'sparse') throw new Bug(`single values of ${path} do not change`);
  return delta;
}

const places = 'shira_indices';
const weights = 'shira_weight';

function tensorsOfLayer(
  model: Model,
  layer: LinearLayer,
  r: number,
): readonly (readonly [string, WritableTensor])[] {
  const count = r * (layer.out + layer.in);
  const dtype = exactType(model.dtype);
  const path = `${prefix}${layer.path}`;
  return [
    [
      `${path}.${places}`,
      { shape: [2, count], dtype: 'int32', make: () => placesOf(model, layer, count) },
    ],
    [
      `${path}.${weights}`,
      {
        ...{ shape: [count], dtype },
        make: () => {
          const { value } = sparseOf(model, layer);
          return ops.cat([value, ops.zeros([count - value.numel], { dtype: value.dtype })], 0);
        },
      },
    ],
  ];
}

/** Rows, then columns. */
function placesOf(model: Model, layer: LinearLayer, count: number): Tensor {
  const { index } = sparseOf(model, layer);
  const last = ops.narrow(index, 0, index.numel - 1, 1);
  const all = ops.cat([index, ops.expand(last, [count - index.numel])], 0);
  const rows = ops.divScalarMode(all, layer.in, { roundingMode: 'floor' });
  return ops.to(ops.stack([rows, ops.remainderScalar(all, layer.in)]), 'int32');
}

type Read = (path: string, name: string) => Tensor;

/** The trained model with the places and values of a file. */
function asRead(model: Model, whole: (name: string) => Tensor, read: Read): Model {
  const { adapter } = model;
  if (adapter === null) throw new Bug('a model without an adapter has no file of one');
  const parameters = sharedBase(model);
  addWhole(model, parameters, whole);
  for (const layer of model.adapted.values()) {
    const { path } = layer;
    const { numel } = sparseOf(model, layer).index;
    const own = (name: string, make: (stored: Tensor) => Tensor): void => {
      const value = keep(
        scope(() => {
          const stored = read(path, name);
          const made = ops.clone(make(stored));
          releasePages(stored);
          return made;
        }),
      );
      const fixed = { role: 'frozen', learningRateFactor: 1, decayed: false } as const;
      const of = { layer: layer.layer, value, shape: value.shape };
      parameters.add({ name: `${path}.${name}`, ...of, ...fixed });
    };
    own(places, (stored) => {
      const [rows, columns] = ops.unbind(ops.narrow(stored, 1, 0, numel), 0) as [Tensor, Tensor];
      return ops.add(ops.mulScalar(rows, layer.in), columns);
    });
    own(weights, (stored) => ops.narrow(stored, 0, 0, numel));
  }
  return {
    ...model,
    parameters,
    adapter: {
      ...adapter,
      factors: (_, tensors) => ({
        form: 'sparse',
        index: tensors(places),
        value: tensors(weights),
        scale: 1,
      }),
    },
  };
}
