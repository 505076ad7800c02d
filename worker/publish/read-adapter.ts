// The file of an adapter, read back: the model as its users have it, on the base as it was; and the
// trained model with what the file holds in place of its own, which must have the same logits.
import { Bug } from '../../crds/failures/errors.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import { type Parameter, Parameters } from '../engine/parameters.ts';
import { type Adapter, factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import { type Delta, factorOf, fromFactors, rankOf } from '../methods/adapters/delta.ts';
import { dtypeEpsilon } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';
import type { AdapterFacts } from './artifact.ts';
import { ofKeptPart } from './recovery.ts';
import { differs } from './reload-check.ts';
import { addWhole } from './whole-modules.ts';
import {
  changeOf,
  deltaOf,
  type Factor,
  isNorm,
  layersWritten,
  ranksLeft,
  takesOver,
  trainedDelta,
} from './written-adapter.ts';

/** The model that a file of the adapter describes, with the factors that `read` finds in it. */
export function asWritten(facts: AdapterFacts, whole: ReadWhole, read: ReadFactor): Model {
  const { model } = facts;
  const { adapter } = model;
  if (adapter === null) throw new Bug('a model without an adapter has no file of one');
  const written = new Set(layersWritten(facts).map(({ path }) => path));
  const readKept: ReadFactor = (layer, factor) =>
    ofKeptPart(facts.cut, layer, factor, read(layer, factor));
  const readAll: ReadFactor = (layer, factor) =>
    adapter.losesRanks === true
      ? withLost(changeOf(facts, layer), layer, factor, written.has(layer.path) ? readKept : null)
      : readKept(layer, factor);
  const base = takesOver(model) ? asInFiles(facts) : sharedBase(model);
  addWhole(model, base, whole);
  return withFactors(model, base, readAll, (layer) => deltaOf(facts, layer));
}

/**
 * The trained model, with the factors that `read` finds in a file in place of its own: on the
 * weights that gave up a part, where the ranks of the file that give it back must have its values.
 * `isScaled` where these were multiplied and divided since.
 */
export function asTrained(
  facts: AdapterFacts,
  whole: ReadWhole,
  read: ReadFactor,
  isScaled = false,
): Model {
  const { model, cut, initial } = facts;
  const base = sharedBase(model);
  addWhole(model, base, whole);
  const readOwn: ReadFactor = (layer, factor) => {
    const found = ofKeptPart(cut, layer, factor, read(layer, factor));
    const ranks = rankOf(trainedDelta(model, layer));
    const [dim, size] = factor === 'A' ? [0, layer.in] : [1, layer.out];
    const more = (found.shape[dim] ?? 0) - ranks;
    const taken = ops.narrow(
      factorOf(changeOf({ model, initial }, layer), factor, size),
      dim,
      ranks,
      more,
    );
    requireValues(layer, ops.narrow(found, dim, ranks, more), taken, isScaled);
    return ops.contiguous(ops.narrow(found, dim, 0, ranks));
  };
  return withFactors(model, base, readOwn, (layer) => trainedDelta(model, layer));
}

/** `found` has the values of `taken`, or those that are a unit or two from them. */
function requireValues({ path }: LinearLayer, found: Tensor, taken: Tensor, isScaled: boolean) {
  const gaps = ops.abs(ops.sub(found, taken));
  const most = isScaled ? ops.mulScalar(ops.abs(taken), 2 * dtypeEpsilon(taken.dtype)) : null;
  const isSame = most === null ? ops.eqScalar(gaps, 0) : ops.le(gaps, most);
  if (item(ops.all(isSame)) === 1) return;
  throw differs(
    `the file of the adapter, read back, gives ${path} back another part than the weight gave up`,
  );
}

/** `base` and the factors that are read, in the form of `delta`. */
function withFactors(
  model: Model,
  base: Parameters,
  read: ReadFactor,
  delta: (layer: LinearLayer) => Delta,
): Model {
  for (const layer of model.adapted.values()) {
    for (const [factor, suffix] of [
      ['A', factorA],
      ['B', factorB],
    ] as const) {
      const value = keep(scope(() => ownCopy(read(layer, factor))));
      const fixed = { role: 'frozen', learningRateFactor: 1, decayed: false } as const;
      const name = `${layer.path}.${suffix}`;
      base.add({ name, layer: layer.layer, value, shape: value.shape, ...fixed });
    }
  }
  return {
    ...model,
    parameters: base,
    adapter: {
      ...(model.adapter as Adapter),
      shares: () => false,
      factors: (layer, tensors) =>
        fromFactors(delta(layer), { A: tensors(factorA), B: tensors(factorB) }),
    },
  };
}

/** A tensor of a module that trained whole. */
type ReadWhole = (name: string) => Tensor;

type ReadFactor = (layer: LinearLayer, factor: Factor) => Tensor;

/** With zeros for what a file left out, so that the same sums are computed. */
function withLost(
  delta: Delta,
  layer: LinearLayer,
  factor: Factor,
  read: ReadFactor | null,
): Tensor {
  const [dim, size] = factor === 'A' ? [0, layer.in] : [1, layer.out];
  const all = ops.zerosLike(ops.detach(factorOf(delta, factor, size)));
  return read === null ? all : ops.indexAdd_(all, dim, ranksLeft(delta), read(layer, factor));
}

/** Of a slice of a mapped file, whose pages are given back. */
function ownCopy(mapped: Tensor): Tensor {
  const own = ops.clone(mapped);
  releasePages(mapped);
  return own;
}

/** The frozen tensors of the model, which are loaded already: only the adapter is read back. */
export function sharedBase(model: Model): Parameters {
  const parameters = new Parameters();
  for (const parameter of model.parameters.all()) {
    if (parameter.role !== 'frozen') continue;
    const { name, value } = parameter;
    const own = isNorm(name) ? scope(() => ops.clone(value)) : ops.detach(value);
    parameters.add({ ...parameter, value: keep(own) });
  }
  return parameters;
}

/** The model with its trained tensors as `read` finds them in a file. */
export function withTrained(model: Model, read: (parameter: Parameter) => Tensor): Model {
  const parameters = sharedBase(model);
  for (const trained of model.parameters.trained()) {
    const value = keep(scope(() => ownCopy(read(trained))));
    parameters.add({ ...trained, value, role: 'frozen' });
  }
  return { ...model, parameters };
}

/** The base that the adapter is put on: the weights of the model hold a part of it. */
function asInFiles({ files, model, run }: AdapterFacts): Parameters {
  const { sequenceLength } = run.spec.dataset;
  return frozenModel(modelSource(files), { dtype: model.dtype, sequenceLength }).parameters;
}
