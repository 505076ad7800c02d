// How the ranks of an adapter are shared among its layers: the best components of all layers are
// taken, whichever layers they are of.

/**
 * The rank of each layer. `scores` are those of its components, best first; `total` of all are
 * taken. Of equal ones the earlier layer's come first.
 */
export function planRanks(
  scores: readonly (readonly number[])[],
  total: number,
): readonly number[] {
  const all = scores.flatMap((own, layer) => own.map((score) => ({ layer, score })));
  // Stable: equal scores stay in the order of layers.
  const taken = all.toSorted((a, b) => b.score - a.score).slice(0, total);
  const ranks = scores.map(() => 0);
  for (const { layer } of taken) ranks[layer] = (ranks[layer] ?? 0) + 1;
  return ranks;
}
