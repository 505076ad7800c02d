// Provides the tensors of a layer while it is computed. A single process holds all of them; ranks
// of a world hold a shard of each, and gather the next layer while the present one computes
// (sharded-weights.ts).
import type { DecoderConfig } from '../decoder/config.ts';
import type { Model } from './model.ts';
import type { Parameter } from './parameters.ts';

export type Layer = Parameter['layer'];

export interface Weights {
  /** The tensors of the layer are complete until `release`. The head includes a tied embedding. */
  take(layer: Layer): void;
  /** The layer comes next: gathering it may begin. */
  prefetch(layer: Layer): void;
  release(layer: Layer): void;
}

/** The layer that runs after a block. */
export function layerAfter({ L }: Pick<DecoderConfig, 'L'>, layer: number): Layer {
  return layer + 1 < L ? layer + 1 : 'head';
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
