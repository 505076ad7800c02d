// Computes what an adapter begins with, before the model is built, unless an earlier process of the
// run did so. Ranks take matrices in turn, so each is decomposed once.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
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
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';

interface Beginning {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly adapter: Adapter | null;
  readonly source: ModelSource;
  readonly world: World;
  readonly stopping: () => boolean;
}

/** Null where the adapter decomposes nothing. Collective. */
export async function initialFactors(
  context: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  beginning: Beginning,
): Promise<InitialFactors | null> {
  const { adapter, world, prepared } = beginning;
  if (adapter?.decompose === undefined) return null;
  const place = initialPlace(context.folder, beginning);
  const known = await openInitialFactors(place);
  // Each rank has them, or all compute them.
  if (!world.agree(known === null) && known !== null) return known;
  known?.[Symbol.dispose]();
  using factors = await decomposed(context, beginning, adapter);
  const partial = join(context.folder, `${runFiles.initial}.partial`);
  const base = prepared.model.digest;
  await writeInitialFactors({ ...place, partial, base, world }, factors.byName);
  return await openInitialFactors(place);
}

/** Those of this rank. */
async function decomposed(
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
    const found = adapter.decompose?.(layer, weight) ?? {};
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
