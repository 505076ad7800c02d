// Values of a weight at places, by suffix, and places in order.
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export const value = 'spiel_value';
export const index = 'spiel_index';
export const candidates = 'spiel_candidates';

/** Positions of the least or the largest values; ties go to the first. */
export function firstOf(values: Tensor, count: number, descending: boolean): Tensor {
  const [, order] = ops.sortStable(values, { stable: true, dim: 0, descending });
  return ops.narrow(order, 0, 0, count);
}

/** Sorts places, and what is beside them by the same order. */
export function sortTogether_(places: Tensor, others: readonly Tensor[]): void {
  const [sorted, order] = ops.sort(places);
  ops.copy_(places, sorted);
  for (const each of others) ops.copy_(each, ops.indexSelect(each, 0, order));
}
