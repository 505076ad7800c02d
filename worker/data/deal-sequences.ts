// Which rank computes which sequences of a global batch: dealt by what they cost, so that ranks end
// at about the same time. Who computes a sequence changes nothing about it.
import { assignToRanks } from '../../crds/plan/batches.ts';

/** Who is dealt to. */
export interface Seat {
  readonly rank: number;
  readonly size: number;
  /** What a token costs for each token that it may look at, in units of what it costs by itself. */
  readonly attentionCost: number;
}

export const onlySeat: Seat = { rank: 0, size: 1, attentionCost: 0 };

/**
 * The sequences of the seat, in their order; each seat gets at least one where there are as many as
 * seats.
 */
export function dealSequences<T extends { readonly lengths: readonly number[] }>(
  sequences: readonly T[],
  { rank, size, attentionCost }: Seat,
): readonly T[] {
  if (size === 1) return sequences;
  const costs = sequences.map(({ lengths }) =>
    lengths.reduce((sum, length) => sum + length + (attentionCost * length * length) / 2, 0),
  );
  return (assignToRanks(costs, size)[rank] ?? []).flatMap((index) => sequences[index] ?? []);
}
