// OwLore: Outlier-weighed Layerwise Sampled Low-Rank Projection (Li et al. 2024), with the score of
// OWL (Yin et al. 2023).
//
// Against LISA: blocks with many outliers are drawn more often. Before the first step, on sequences
// of the job:
//   A = |W| * sqrt(c),  c[i] = sum over tokens of x[i]²,  for each linear layer with inputs x
//   D = 100 * #{ a in A : a > M * mean(A) } / #A,  over all linear layers of the block together
//   p(block) = (1 - f) D / sum(D) + f / L,  blocks drawn without replacement
// M outlier threshold · f floor · L blocks. A mean over sequences in place of the sum changes
// nothing: D has no unit of x.
//
// State: that of LISA; the projection of gradients is the optimizer's business (galore.ts), and
// "full-rank OwLore" is this selection with another optimizer. Differently from the release: scores
// are computed from the model and the data of the job (there they are read from a file of
// LLaMA-2-7B, under a name that it does not have); a block without outliers is drawn at times; a
// block that leaves frees its state and basis, one that enters begins with a refresh. Scores are
// computed once, not at each draw, as there.
import type { Parameters } from '../../engine/parameters.ts';
import { type LisaSettings, lisa } from './lisa.ts';
import type { Selection } from './selection.ts';

interface OwloreSettings
  extends Pick<LisaSettings, 'activeLayers' | 'intervalSteps' | 'state' | 'seed'> {
  /** D of each block. */
  readonly scores: readonly number[];
  /** f */
  readonly floor: number;
}

export function owlore(
  { scores, floor, ...draw }: OwloreSettings,
  parameters: Parameters,
): Selection {
  const weights = drawWeights(scores, floor);
  const selection = lisa({ ...draw, sampling: 'Weighted', weights }, parameters);
  return { ...selection, name: 'OwLore' };
}

/** p of each block: they add up to 1. Without any outlier all blocks are alike. */
export function drawWeights(scores: readonly number[], floor: number): readonly number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  const even = 1 / scores.length;
  return scores.map((score) => (sum === 0 ? even : ((1 - floor) * score) / sum + floor * even));
}
