// Adapters whose change is as large as the weight that it changes: while a block is computed, a
// copy of each such weight with the change exists, for all sequences of the step, and products read
// it as they would read the weight. The backward computes the gradient of the copy, as full
// fine-tuning does; once a step, those of the trained tensors follow from it. So a tape keeps
// nothing of the adapter.
//
// In a model in bfloat16 the copy is rounded, as merged weights are.
import { Bug } from '../../crds/failures/errors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { GradientSum } from './gradient-sum.ts';
import { type Model, tensorName } from './model.ts';
import type { Parameter } from './parameters.ts';

type Adapted = Pick<Model, 'adapter' | 'adapted' | 'parameters' | 'dtype'>;

/** Has products read the changed copies. */
export function multiplyOut(model: Adapted): void {
  const { adapter, adapted, parameters, dtype } = model;
  if (adapter?.multipliedOut === undefined) return;
  const { change, scale } = adapter.multipliedOut;
  for (const layer of adapted.values()) {
    const name = weightOf(layer);
    parameters.change(name, () => {
      const sum = ops.mulScalar_(change(layer, reader(model, layer)), scale);
      ops.add_(sum, denseOf(parameters.value(name)));
      return ops.to(sum, dtype);
    });
  }
}

/** Whose gradients a block computes, so that those of its active parameters follow. */
export function gradientsFor(model: Adapted, active: readonly Parameter[]): readonly Parameter[] {
  if (model.adapter?.multipliedOut === undefined) return active;
  return activeLayers(model, active).map((layer) => model.parameters.get(weightOf(layer)));
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
  const multipliedOut = model.adapter?.multipliedOut;
  if (multipliedOut !== undefined) {
    for (const layer of activeLayers(model, active)) {
      const G = byName.get(weightOf(layer));
      if (G === undefined) continue;
      const own = scope(() => multipliedOut.gradients(layer, reader(model, layer), G));
      for (const [suffix, value] of Object.entries(own)) {
        byName.set(`${layer.path}.${suffix}`, value);
      }
      G.dispose();
    }
  }
  return active.map(({ name }) => byName.get(name) ?? null);
}

function weightOf({ path }: LinearLayer): string {
  return `${path}.weight`;
}

function reader({ adapter, parameters }: Adapted, { path }: LinearLayer) {
  if (adapter === null) throw new Bug('a model without an adapter has no tensors of one');
  return (suffix: string): Tensor => parameters.value(tensorName(adapter, path, suffix));
}

/** Layers that an active parameter belongs to. */
function activeLayers({ adapted }: Adapted, active: readonly Parameter[]): readonly LinearLayer[] {
  const names = active.map(({ name }) => name);
  return [...adapted.values()].filter(({ path }) =>
    names.some((name) => name.startsWith(`${path}.`)),
  );
}
