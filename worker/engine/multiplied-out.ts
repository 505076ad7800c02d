// Weights that products read as copies: while a block is computed, a copy of each such weight
// exists, for all sequences of the step, and products read it as they would read the weight. The
// backward computes the gradient of the copy, as full fine-tuning does; once a step, those of the
// trained tensors follow from it. So a tape keeps nothing of what the copy is made of.
//
// A copy is the weight with the change of an adapter that is as large as it is, or, on a grid, the
// weight with any change, rounded to the grid (on-grid.ts). In a model in bfloat16 the copy is
// rounded to that, as merged weights are.
import { Bug } from '../../crds/failures/errors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { GradientSum } from './gradient-sum.ts';
import { type Model, tensorName } from './model.ts';
import { gradientsThroughGrid, weightOnGrid } from './on-grid.ts';
import type { Parameter } from './parameters.ts';

type Adapted = Pick<Model, 'adapter' | 'adapted' | 'onGrid' | 'parameters' | 'dtype'>;

/** Has products read the copies. */
export function multiplyOut(model: Adapted): void {
  const { parameters } = model;
  for (const layer of copied(model)) {
    parameters.change(weightOf(layer), () =>
      model.onGrid === null ? changedWeight(model, layer) : weightOnGrid(model, layer),
    );
  }
}

/** Whose gradients a block computes, so that those of its active parameters follow. */
export function gradientsFor(model: Adapted, active: readonly Parameter[]): readonly Parameter[] {
  const layers = activeLayers(model, active);
  if (layers.length === 0) return active;
  const weights = layers.map((layer) => model.parameters.get(weightOf(layer)));
  const own = new Set(weights.map(({ name }) => name));
  return [...active.filter((one) => !own.has(one.name) && !isInCopies(model, one)), ...weights];
}

/**
 * The gradients of the active parameters of a block, in order, for those of `gradientsFor`, which
 * are disposed. The parameters must be complete.
 */
export function gradientsOf(
  model: Adapted,
  active: readonly Parameter[],
  found: ReturnType<GradientSum['finish']>,
): readonly (Tensor | null)[] {
  const byName = new Map(found.map(({ parameter, value }) => [parameter.name, value]));
  for (const layer of activeLayers(model, active)) {
    const G = byName.get(weightOf(layer));
    if (G === undefined) continue;
    const own = scope(() =>
      model.onGrid === null
        ? gradientsOfChange(model, layer, G)
        : gradientsThroughGrid(model, layer, G),
    );
    for (const [suffix, value] of Object.entries(own)) {
      const name = nameOf(model, layer, suffix);
      const sum = byName.get(name);
      byName.set(name, sum === undefined ? value : ops.add_(sum, value));
    }
    if (!active.some(({ name }) => name === weightOf(layer))) G.dispose();
  }
  return active.map(({ name }) => byName.get(name) ?? null);
}

/** Layers whose weights are read as copies. */
function copied({ adapter, adapted, onGrid }: Adapted): readonly LinearLayer[] {
  if (onGrid !== null) return [...onGrid.layers.values()];
  return adapter?.multipliedOut === undefined ? [] : [...adapted.values()];
}

function changedWeight(model: Adapted, layer: LinearLayer): Tensor {
  const { change, scale } = multipliedOutOf(model);
  const sum = ops.mulScalar_(change(layer, reader(model, layer)), scale);
  ops.add_(sum, denseOf(model.parameters.value(weightOf(layer))));
  return ops.to(sum, model.dtype);
}

function gradientsOfChange(model: Adapted, layer: LinearLayer, G: Tensor) {
  return multipliedOutOf(model).gradients(layer, reader(model, layer), G);
}

function multipliedOutOf({ adapter }: Adapted) {
  if (adapter?.multipliedOut === undefined) throw new Bug('no change is multiplied out');
  return adapter.multipliedOut;
}

/** Whether it is a part of what copies are made of, beside the weight. */
function isInCopies({ onGrid }: Adapted, { name, suffix }: Parameter): boolean {
  return (
    suffix !== undefined || onGrid?.grid.suffixes.some((own) => name.endsWith(`.${own}`)) === true
  );
}

function weightOf({ path }: LinearLayer): string {
  return `${path}.weight`;
}

function reader(model: Adapted, layer: LinearLayer) {
  if (model.adapter === null) throw new Bug('a model without an adapter has no tensors of one');
  return (suffix: string): Tensor => model.parameters.value(nameOf(model, layer, suffix));
}

/** A grid has tensors beside those of an adapter. */
function nameOf({ adapter }: Adapted, { path }: LinearLayer, suffix: string): string {
  return adapter === null ? `${path}.${suffix}` : tensorName(adapter, path, suffix);
}

/** Of the copied layers, those that an active parameter belongs to. */
function activeLayers(model: Adapted, active: readonly Parameter[]): readonly LinearLayer[] {
  const names = active.map(({ name }) => name);
  return copied(model).filter(({ path }) => names.some((name) => name.startsWith(`${path}.`)));
}
