// Which form each matrix of a mixed base has. Every matrix is tried in each form; what it loses
// there, weighted by how much the loss depends on it where that was measured, is what the form
// costs. The sum of all costs is made least within the budget, exactly (quantize/allocate.ts).

import { setImmediate } from 'node:timers/promises';
import { Bug } from '../../crds/failures/errors.ts';
import { lastPart } from '../../crds/methods/linears.ts';
import { formBits, formInWords, formsOf, mixedBudget } from '../../crds/plan/mixed-forms.ts';
import { decompositionSubject } from '../../crds/stages/subjects.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { World } from '../engine/world.ts';
import type { Adapter, Importance, LinearLayer } from '../methods/adapters/adapter.ts';
import { storeOfForm } from '../methods/weights/mixed.ts';
import { denseOf, type WeightStore } from '../methods/weights/weight-store.ts';
import { allocate } from '../quantize/allocate.ts';
import { squaredLength } from '../quantize/trial.ts';
import type { RoleContext } from '../role.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';

interface Choosing {
  readonly source: ModelSource;
  readonly world: World;
  readonly stopping: () => boolean;
  readonly adapter: Adapter;
  readonly adapted: ReadonlySet<string>;
  readonly mixed: NonNullable<WeightStore['mixed']>;
  readonly importance: (layer: LinearLayer) => Importance | null;
}

/** The form of each linear layer, by its path: its place in `formsOf`. Collective. */
export async function chosenForms(
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  choosing: Choosing,
): Promise<ReadonlyMap<string, number>> {
  const { source, world, stopping, mixed } = choosing;
  const layers = linearLayers(source.config);
  const report = { type: 'stage', stage: 'Prepare', subject: decompositionSubject.forms } as const;
  const progress = { ...report, unit: 'Tensors', total: layers.length } as const;
  emit({ ...report, state: 'Started' });
  const costs = layers.map((layer) => formsOf(layer).map(() => 0));
  for (let first = 0; first < layers.length; first += world.size) {
    const layer = layers[first + world.rank];
    if (layer !== undefined) costs[first + world.rank] = costsOf(layer, choosing);
    emit({ ...progress, state: 'Running', done: Math.min(first + world.size, layers.length) });
    // A request to stop is received here, between matrices.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
  }
  // Each layer has costs at one rank alone, and zeros at the others: sums are exact.
  const all = world.sum(costs.flat());
  let at = 0;
  const options = layers.map((layer) =>
    formsOf(layer).map((form) => {
      at += 1;
      return { bytes: formBits(layer, form), cost: all[at - 1] ?? 0 };
    }),
  );
  const named = layers.map((layer) => ({ ...layer, name: lastPart(layer.path) }));
  const chosen = allocate(options, mixedBudget(named, mixed.averageBits));
  if (chosen === null) throw new Bug('a budget that was checked has no room');
  emit({ ...report, state: 'Done', note: inWords(layers, chosen) });
  return new Map(layers.map(({ path }, i) => [path, chosen[i] ?? 0]));
}

/** `3.24 bits: 90 Int2 in groups of 64, ...`. */
function inWords(layers: readonly LinearLayer[], chosen: readonly number[]): string {
  const forms = layers.flatMap((layer, i) => formsOf(layer)[chosen[i] ?? 0] ?? []);
  const bits = layers.reduce((sum, layer, i) => {
    const form = forms[i];
    return sum + (form === undefined ? 0 : formBits(layer, form));
  }, 0);
  const values = layers.reduce((sum, layer) => sum + layer.out * layer.in, 0);
  const counted = [...Map.groupBy(forms, formInWords)]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, own]) => `${own.length} ${name}`);
  return `${(bits / values).toFixed(3)} bits: ${counted.join(', ')}`;
}

function costsOf(layer: LinearLayer, choosing: Choosing): number[] {
  const { source, adapter, adapted, importance } = choosing;
  return scope(() => {
    const name = `${layer.path}.weight`;
    const weight = source.load(name, 'float32');
    requireFinite(name, weight);
    const costs = formsOf(layer).map((form) =>
      scope(() => {
        const { quantize } = storeOfForm(form);
        if (quantize === null) throw new Bug('a form of a mix is quantized');
        const quantized = (matrix: Tensor) => denseOf(quantize(matrix));
        if (!adapted.has(layer.path) || adapter.lossOf === undefined) {
          return squaredLength(ops.sub(weight, quantized(weight)));
        }
        return adapter.lossOf(layer, { weight, quantized, importance: importance(layer) });
      }),
    );
    releasePages(weight);
    return costs;
  }, 'cpu');
}
