// Which rank computes which bins of a global batch: dealt by what they cost, so that ranks end at about the same time. Who computes a
// bin changes nothing about it.
import { assignToRanks } from '../../crds/plan/batches.ts';

/** Who is dealt to. */
export interface Seat {
  readonly rank: number;
  readonly size: number;
  /** What a token costs for each token that it may look at, in units of what it costs by itself. */
  readonly attentionCost: number;
}

export const onlySeat: Seat = { rank: 0, size: 1, attentionCost: 0 };

/** The bins of the seat, in their order; each seat gets at least one where there are as many as seats. */
export function dealBins<T extends { readonly lengths: readonly number[] }>(
  bins: readonly T[],
  { rank, size, attentionCost }: Seat,
): readonly T[] {
  if (size === 1) return bins;
  const costs = bins.map(({ lengths }) =>
    lengths.reduce((sum, length) => sum + length + (attentionCost * length * length) / 2, 0),
  );
  return (assignToRanks(costs, size)[rank] ?? []).flatMap((index) => bins[index] ?? []);
}
