// An adapter as files of adapters have it: two factors of each layer, for the base as its files
// have it. One with more than two factors is written as their products, one that took over a part
// of the weight with twice the rank, `[A; A0]` and `[B, -B0]`.
import { Bug } from '../../crds/failures/errors.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type Parameter, Parameters } from '../engine/parameters.ts';
import { factorA, factorB, type LinearLayer, withInitial } from '../methods/adapters/adapter.ts';
import {
  type Delta,
  factorOf,
  fromFactors,
  type ProductDelta,
  plainDelta,
  rankOf,
} from '../methods/adapters/delta.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { indices, releasePages, type Tensor, toArray } from '../tensor/tensor.ts';
import type { AdapterFacts, ArtifactWriter } from './artifact.ts';
import { ofKeptPart, recovered } from './recovery.ts';
import { addWhole } from './whole-modules.ts';

export type Factor = 'A' | 'B';

type Adapted = Pick<AdapterFacts, 'model' | 'initial' | 'cut'>;

/** The layers that a file has: all, or those in which a rank is left, and one where none is. */
export function layersWritten(facts: Adapted): readonly LinearLayer[] {
  const all = [...facts.model.adapted.values()];
  if (facts.model.adapter?.losesRanks !== true) return all;
  const left = all.filter((layer) => scope(() => hasRank(changeOf(facts, layer))));
  return left.length > 0 ? left : all.slice(0, 1);
}

export function rankWritten(facts: Adapted, layer: LinearLayer): number {
  return scope(() => rankOf(deltaOf(facts, layer)));
}

export function scaleWritten(facts: Adapted, layer: LinearLayer): number {
  return scope(() => deltaOf(facts, layer).scale);
}

/**
 * `A [r, in]` or `B [out, r]` of a layer, without its scale; of the whole base where the model was
 * cut out of it.
 */
export function factorWritten(facts: Adapted, layer: LinearLayer, factor: Factor): Tensor {
  const size = factor === 'A' ? layer.in : layer.out;
  const own = ops.contiguous(ops.detach(factorOf(deltaOf(facts, layer), factor, size)));
  return recovered(facts.cut, layer, factor, own);
}

/** What a file has of the change. */
function deltaOf(facts: Adapted, layer: LinearLayer): Delta {
  const delta = changeOf(facts, layer);
  return facts.model.adapter?.losesRanks === true ? withoutLost(delta) : delta;
}

/** What the adapter changes of the weights in the files. */
function changeOf({ model, initial }: Adapted, layer: LinearLayer): Delta {
  const { path } = layer;
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta === null) throw new Bug(`${path} has no adapter`);
  return withInitial(initial, layer, (own) => {
    const taken = model.adapter?.takesOver?.(layer, own);
    if (taken === undefined) return delta;
    if (delta.form !== 'product') throw new Bug(`${delta.form} of ${path} take over no part of it`);
    const { A, B, scale } = delta;
    const left = ops.mulScalar(ops.to(taken.left, B.dtype), -taken.scale / scale);
    const right = ops.to(taken.right, A.dtype);
    return plainDelta(ops.cat([A, right], 0), ops.cat([B, left], 1), scale);
  });
}

function hasRank(delta: Delta): boolean {
  return delta.form === 'product' && toArray(usedRanks(delta)).some(Boolean);
}

/** Of each rank, whether its column of B has anything but zeros. */
function usedRanks({ B }: ProductDelta): Tensor {
  return ops.gtScalar(ops.amax(ops.abs(ops.detach(B)), [0]), 0);
}

/** Places of the ranks that add something; one where none does. */
function ranksLeft(delta: Delta): Tensor {
  if (delta.form !== 'product') throw new Bug(`${delta.form} lose no ranks`);
  const used = toArray(usedRanks(delta)).flatMap((isUsed, rank) => (isUsed ? [rank] : []));
  const ranks = used.length === 0 ? [0] : used;
  return indices(ranks);
}

function withoutLost(delta: Delta): Delta {
  if (delta.form !== 'product') throw new Bug(`${delta.form} lose no ranks`);
  const ranks = ranksLeft(delta);
  const [A, B] = [ops.indexSelect(delta.A, 0, ranks), ops.indexSelect(delta.B, 1, ranks)];
  return plainDelta(A, B, delta.scale);
}

/**
 * How exactly a file of the adapter gives the trained model; `isScaled` where the file has other
 * values than the factors.
 */
export function roundingOf(
  model: Model,
  isScaled = false,
): Pick<ArtifactWriter, 'rounding' | 'isRounded' | 'made'> {
  const weights = new Set([...model.adapted.keys()].map((path) => `${path}.weight`));
  const inModel = model.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  // What the base lost is added again here, and the rest of it was rounded there.
  const isRounded = takesOver(model) || isScaled;
  return {
    rounding: isRounded ? inModel : null,
    made: { weightBits: 8 * dtypeBytes(inModel), made: isRounded ? 'Rounding' : 'Same' },
    // A base that is shared with the trained model stays as it is, and codes have no last place: a
    // norm is as much as a column of each weight behind it.
    isRounded: (name) => (takesOver(model) ? weights.has(name) : isNorm(name)),
  };
}

function isNorm(name: string): boolean {
  return /norm\.weight$/i.test(name);
}

function takesOver({ adapter }: Model): boolean {
  return adapter?.takesOver !== undefined;
}

/** The model that a file of the adapter describes, with the factors that `read` finds in it. */
export function asWritten(facts: AdapterFacts, whole: ReadWhole, read: ReadFactor): Model {
  const { model } = facts;
  const { adapter } = model;
  if (adapter === null) throw new Bug('a model without an adapter has no file of one');
  const parameters = takesOver(model) ? asInFiles(facts) : sharedBase(model);
  addWhole(model, parameters, whole);
  const written = new Set(layersWritten(facts).map(({ path }) => path));
  const readKept: ReadFactor = (layer, factor) =>
    ofKeptPart(facts.cut, layer, factor, read(layer, factor));
  const readAll: ReadFactor = (layer, factor) =>
    adapter.losesRanks === true
      ? withLost(changeOf(facts, layer), layer, factor, written.has(layer.path) ? readKept : null)
      : readKept(layer, factor);
  for (const layer of model.adapted.values()) {
    for (const [factor, suffix] of [
      ['A', factorA],
      ['B', factorB],
    ] as const) {
      const value = keep(scope(() => ownCopy(readAll(layer, factor))));
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
      shares: () => false,
      factors: (layer, tensors) =>
        fromFactors(deltaOf(facts, layer), { A: tensors(factorA), B: tensors(factorB) }),
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
