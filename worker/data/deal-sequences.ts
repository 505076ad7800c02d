// Assigns the sequences of a global batch to ranks by their cost, so that ranks finish at about the
// same time. The assignment does not change how a sequence is computed.
import { assignToRanks } from '../../crds/plan/batches.ts';

/** The rank that asks, and the cost model. */
export interface RankAssignment {
  readonly rank: number;
  readonly size: number;
  /** Cost of attending to one token, in units of a token's other cost. */
  readonly attentionCost: number;
}

export const onlyRank: RankAssignment = { rank: 0, size: 1, attentionCost: 0 };

/** The sequences of the rank, in order; at least one where there are enough for all ranks. */
export function dealSequences<T extends { readonly lengths: readonly number[] }>(
  sequences: readonly T[],
  { rank, size, attentionCost }: RankAssignment,
): readonly T[] {
  if (size === 1) return sequences;
  const costs = sequences.map(({ lengths }) =>
    lengths.reduce((sum, length) => sum + length + (attentionCost * length * length) / 2, 0),
  );
  return (assignToRanks(costs, size)[rank] ?? []).flatMap((index) => sequences[index] ?? []);
}
