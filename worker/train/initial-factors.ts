// Computes what an adapter begins with, before the model is built, unless an earlier process of the
// run did so. Ranks take matrices in turn, so each is decomposed once.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Bug } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import { type PreparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import {
  type InitialFactors,
  initialPlace,
  openInitialFactors,
  writeInitialFactors,
} from '../checkpoint/initial-factors.ts';
import { adaptedLayers, type ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { World } from '../engine/world.ts';
import type { Adapter, LinearLayer } from '../methods/adapters/adapter.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import { type FirstBatch, firstGradients } from './first-gradients.ts';

interface Beginning extends Omit<FirstBatch, 'folder'> {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly world: World;
  /** Of the first step. */
  readonly learningRate: number;
  readonly stopping: () => boolean;
}

/** Null where the adapter decomposes nothing. Collective. */
export async function initialFactors(
  context: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  beginning: Beginning,
): Promise<InitialFactors | null> {
  const { world, prepared } = beginning;
  const { adapter } = beginning.options;
  if (adapter?.decompose === undefined) return null;
  const place = initialPlace(context.folder, beginning);
  const known = await openInitialFactors(place);
  // Each rank has them, or all compute them.
  if (!world.agree(known === null) && known !== null) return known;
  known?.[Symbol.dispose]();
  using factors = adapter.readsGradient
    ? ofGradients(context, beginning, adapter)
    : await ofWeights(context, beginning, adapter);
  const partial = join(context.folder, `${runFiles.initial}.partial`);
  const base = prepared.model.digest;
  await writeInitialFactors({ ...place, partial, base, world }, factors.byName);
  return await openInitialFactors(place);
}

/** Those of this rank, from the gradients of the first batch. */
function ofGradients(
  { emit, folder }: Pick<RoleContext, 'emit' | 'folder'>,
  beginning: Beginning,
  adapter: Adapter,
): OwnFactors {
  const { source, learningRate } = beginning;
  const report = { type: 'stage', stage: 'Prepare', subject: 'gradients of weights' } as const;
  emit({ ...report, state: 'Started' });
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  const layers = adaptedLayers(source.config, adapter);
  firstGradients({ ...beginning, folder }, layers, (layer, gradient) => {
    const from = { weight: noWeight, gradient: () => gradient, learningRate };
    own.take(layer, adapter.decompose?.(layer, from) ?? {});
  });
  // What the pass took is needed for the model itself next.
  trimMemory();
  emit({ ...report, state: 'Done' });
  unfinished.move();
  return own;
}

function noWeight(): never {
  throw new Bug('an adapter that begins with gradients reads no weight');
}

function noGradient(): never {
  throw new Bug('an adapter that begins with weights reads no gradient');
}

/** Those of this rank, from the weights. */
async function ofWeights(
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  { source, world, stopping }: Beginning,
  adapter: Adapter,
): Promise<OwnFactors> {
  const report = { type: 'stage', stage: 'Prepare', subject: 'factors of weights' } as const;
  const layers = adaptedLayers(source.config, adapter);
  const progress = { ...report, unit: 'Tensors', total: layers.length } as const;
  emit({ ...report, state: 'Started' });
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  for (let first = 0; first < layers.length; first += world.size) {
    const layer = layers[first + world.rank];
    if (layer !== undefined) own.take(layer, decompose(source, adapter, layer));
    emit({ ...progress, state: 'Running', done: Math.min(first + world.size, layers.length) });
    // A request to stop is received here, between matrices.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
  }
  emit({ ...report, state: 'Done' });
  unfinished.move();
  return own;
}

/** What the adapter begins with, for one layer, by suffix. */
export function decompose(
  source: ModelSource,
  adapter: Adapter,
  layer: LinearLayer,
  dtype: 'float32' | 'float64' = 'float32',
): Readonly<Record<string, Tensor>> {
  return scope(() => {
    const name = `${layer.path}.weight`;
    const weight = source.load(name, dtype);
    requireFinite(name, weight);
    const from = { weight: () => weight, gradient: noGradient, learningRate: 0 };
    const found = adapter.decompose?.(layer, from) ?? {};
    releasePages(weight);
    return found;
  }, 'cpu');
}

class OwnFactors implements Disposable {
  readonly byName = new Map<string, Tensor>();

  take({ path }: LinearLayer, found: Readonly<Record<string, Tensor>>): void {
    for (const [suffix, tensor] of Object.entries(found)) {
      this.byName.set(`${path}.${suffix}`, keep(tensor));
    }
  }

  [Symbol.dispose](): void {
    for (const tensor of this.byName.values()) tensor.dispose();
  }
}
