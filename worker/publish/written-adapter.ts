// An adapter as files of adapters have it: two factors of each layer, for the base as its files
// have it. One with more than two factors is written as their products, one that took over a part
// of the weight with twice the rank, `[A; A0]` and `[B, -B0]`.
import { Bug } from '../../crds/failures/errors.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { Parameters } from '../engine/parameters.ts';
import { factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import {
  type Delta,
  factorOf,
  fromFactors,
  plainDelta,
  rankOf,
} from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';

export type Factor = 'A' | 'B';

type Adapted = Pick<ArtifactFacts, 'model' | 'initial'>;

export function rankWritten(facts: Adapted, layer: LinearLayer): number {
  return scope(() => rankOf(deltaOf(facts, layer)));
}

export function scaleWritten(facts: Adapted, layer: LinearLayer): number {
  return scope(() => deltaOf(facts, layer).scale);
}

/** `A [r, in]` or `B [out, r]` of a layer, without its scale. */
export function factorWritten(facts: Adapted, layer: LinearLayer, factor: Factor): Tensor {
  const size = factor === 'A' ? layer.in : layer.out;
  return ops.contiguous(ops.detach(factorOf(deltaOf(facts, layer), factor, size)));
}

/** What the adapter changes of the weights in the files. */
function deltaOf({ model, initial }: Adapted, layer: LinearLayer): Delta {
  const { path } = layer;
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta === null) throw new Bug(`${path} has no adapter`);
  const taken = model.adapter?.takesOver?.(layer, (suffix) => initial(`${path}.${suffix}`));
  if (taken === undefined) return delta;
  if (delta.form !== 'product') throw new Bug(`${delta.form} of ${path} take over no part of it`);
  const { A, B, scale } = delta;
  const left = ops.mulScalar(ops.to(taken.left, B.dtype), -taken.scale / scale);
  const right = ops.to(taken.right, A.dtype);
  return plainDelta(ops.cat([A, right], 0), ops.cat([B, left], 1), scale);
}

/**
 * How exactly a file of the adapter gives the trained model; `isScaled` where the file has other
 * values than the factors.
 */
export function roundingOf(
  model: Model,
  isScaled = false,
): Pick<ArtifactWriter, 'rounding' | 'isRounded'> {
  const weights = new Set([...model.adapted.keys()].map((path) => `${path}.weight`));
  const inModel = model.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  return {
    // What the base lost is added again here, and the rest of it was rounded there.
    rounding: takesOver(model) || isScaled ? inModel : null,
    isRounded: (name) => weights.has(name),
  };
}

function takesOver({ adapter }: Model): boolean {
  return adapter?.takesOver !== undefined;
}

/** The model that a file of the adapter describes, with the factors that `read` finds in it. */
export function asWritten(
  facts: ArtifactFacts,
  read: (layer: LinearLayer, factor: Factor) => Tensor,
): Model {
  const { model } = facts;
  const { adapter } = model;
  if (adapter === null) throw new Bug('a model without an adapter has no file of one');
  const parameters = takesOver(model) ? asInFiles(facts) : sharedBase(model);
  for (const layer of model.adapted.values()) {
    for (const [factor, suffix] of [
      ['A', factorA],
      ['B', factorB],
    ] as const) {
      const value = keep(scope(() => ops.clone(read(layer, factor))));
      const fixed = { role: 'frozen', learningRateFactor: 1, decayed: false } as const;
      const name = `${layer.path}.${suffix}`;
      parameters.add({ name, layer: layer.layer, value, shape: value.shape, ...fixed });
    }
  }
  return {
    ...model,
    parameters,
    adapter: {
      ...adapter,
      factors: (layer, tensors) =>
        fromFactors(deltaOf(facts, layer), { A: tensors(factorA), B: tensors(factorB) }),
    },
  };
}

/** The frozen tensors of the model, which are loaded already: only the adapter is read back. */
function sharedBase(model: Model): Parameters {
  const parameters = new Parameters();
  for (const parameter of model.parameters.all()) {
    if (parameter.role !== 'frozen') continue;
    parameters.add({ ...parameter, value: keep(ops.detach(parameter.value)) });
  }
  return parameters;
}

/** The base that the adapter is put on: the weights of the model hold a part of it. */
function asInFiles({ files, model, run }: ArtifactFacts): Parameters {
  return buildModel(modelSource(files), {
    dtype: model.dtype,
    adapter: null,
    // No tensor is trained: the mapped file itself is used where possible.
    trains: () => false,
    sequenceLength: run.spec.dataset.sequenceLength,
  }).parameters;
}
