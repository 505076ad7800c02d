// CMLoRA's weights (Zou et al. 2025, arXiv 2502.04923), with tokens in place of steps of denoising.
// Its order by frequencies has no counterpart in text: parts lead in the order in which they are
// named. Its code computes the weight of the leader once, so that the decay has no effect there.

/** Of N parts, one of which leads with `w` times the weight of the others; they sum to N. */
export function dominantWeights(parts: number, leader: number, w: number): readonly number[] {
  const others = parts / (w + parts - 1);
  return Array.from({ length: parts }, (_, i) => (i === leader ? w * others : others));
}

/**
 * `w` of the turn, from 0: `N - 0.5`, half as much with each turn, and 1 at least, which is the
 * plain mean.
 */
export function dominance(parts: number, turn: number): number {
  return Math.max(1, (parts - 0.5) * 0.5 ** turn);
}
