// Provides the tensors of a layer while it is computed. A single process holds all of them; ranks
// of a world hold a shard of each, and gather the next layer while the present one computes
// (sharded-weights.ts).
import type { Place, Places } from '../families/family.ts';
import type { Model } from './model.ts';

export type Layer = Place;

export interface Weights {
  /** The tensors of the layer are complete until `release`; with the outlet, a tied embedding. */
  take(layer: Layer): void;
  /** The layer comes next: gathering it may begin. */
  prefetch(layer: Layer): void;
  release(layer: Layer): void;
}

/** The layer that runs after another; null after the last. */
export function layerAfter({ order }: Places, layer: Layer): Layer | null {
  return order[order.indexOf(layer) + 1] ?? null;
}

/** All tensors are always complete. */
export const residentWeights: Weights = { take() {}, prefetch() {}, release() {} };

/**
 * Runs `body` with the layer complete, decoded and changed, and gathers `next` meanwhile. For few
 * tokens it is less work to compute changes beside the matrices: `unchanged`, where they can be.
 */
export function withLayer<T>(
  { weights, parameters, onGrid }: Pick<Model, 'weights' | 'parameters' | 'onGrid'>,
  layer: Layer,
  next: Layer | null,
  body: () => T,
  unchanged = false,
): T {
  const changes = !unchanged || onGrid !== null;
  weights.take(layer);
  if (next !== null) weights.prefetch(next);
  parameters.decodeLayer(layer);
  if (changes) parameters.changeLayer(layer);
  const result = body();
  if (changes) parameters.releaseChanged(layer);
  parameters.releaseDecoded(layer);
  weights.release(layer);
  return result;
}
