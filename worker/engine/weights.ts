// Who sees to it that the tensors of a place are there while it is computed. A process that trains
// by itself holds all of them; ranks of a world hold a share each, and gather the place that comes
// next while the present one computes (sharded-weights.ts).
import type { Model } from './model.ts';
import type { Parameter } from './parameters.ts';

export type Layer = Parameter['layer'];

export interface Weights {
  /**
   * The tensors of the place are whole from now on, until it is released. The head's include a tied
   * embedding.
   */
  take(layer: Layer): void;
  /** The place comes next: it may be gathered already. */
  prefetch(layer: Layer): void;
  release(layer: Layer): void;
}

/** Everything is there, always. */
export const residentWeights: Weights = { take() {}, prefetch() {}, release() {} };

/**
 * Runs `body` while the place is whole, and gathers the one that comes next meanwhile. What is
 * stored in codes is made for it.
 */
export function withLayer<T>(
  { weights, parameters }: Pick<Model, 'weights' | 'parameters'>,
  layer: Layer,
  next: Layer | null,
  body: () => T,
): T {
  weights.take(layer);
  if (next !== null) weights.prefetch(next);
  parameters.make(layer);
  const result = body();
  parameters.unmake(layer);
  weights.release(layer);
  return result;
}
