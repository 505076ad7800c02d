// An adapter as files of adapters have it: two factors of each layer, for the base as its files
// have it. One with more than two factors is written as their products, one that took over a part
// of the weight with twice the rank, `[A; A0]` and `[B, -B0]`.
import { Bug } from '../../crds/failures/errors.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type LinearLayer, withInitial } from '../methods/adapters/adapter.ts';
import {
  type Delta,
  factorOf,
  type ProductDelta,
  plainDelta,
  rankOf,
} from '../methods/adapters/delta.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor, toArray } from '../tensor/tensor.ts';
import type { AdapterFacts, ArtifactWriter } from './artifact.ts';
import { recovered } from './recovery.ts';

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
export function deltaOf(facts: Adapted, layer: LinearLayer): Delta {
  const delta = changeOf(facts, layer);
  return facts.model.adapter?.losesRanks === true ? withoutLost(delta) : delta;
}

/** What the adapter changes of the weights in the files. */
export function changeOf({ model, initial }: Omit<Adapted, 'cut'>, layer: LinearLayer): Delta {
  const { path } = layer;
  const delta = trainedDelta(model, layer);
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

/** What the adapter adds to the weights that it trained beside. */
export function trainedDelta(model: Model, { path }: LinearLayer): Delta {
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta === null) throw new Bug(`${path} has no adapter`);
  return delta;
}

function hasRank(delta: Delta): boolean {
  return delta.form === 'product' && toArray(usedRanks(delta)).some(Boolean);
}

/** Of each rank, whether its column of B has anything but zeros. */
function usedRanks({ B }: ProductDelta): Tensor {
  return ops.gtScalar(ops.amax(ops.abs(ops.detach(B)), [0]), 0);
}

/** Places of the ranks that add something; one where none does. */
export function ranksLeft(delta: Delta): Tensor {
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
  const inModel = model.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  // What the base lost is added again here, and the rest of it was rounded there.
  const made = takesOver(model) || isScaled ? 'Rounding' : 'Same';
  return {
    rounding: isScaled ? inModel : null,
    made: { weightBits: 8 * dtypeBytes(inModel), made },
    // A base that is shared with the trained model stays as it is, and codes have no last place: a
    // norm is as much as a column of each weight behind it.
    isRounded: isNorm,
  };
}

export function isNorm(name: string): boolean {
  return /norm\.weight$/i.test(name);
}

export function takesOver({ adapter }: Model): boolean {
  return adapter?.takesOver !== undefined;
}
