// OwLore: Outlier-weighed Layerwise Sampled Low-Rank Projection (Li et al. 2024), with the score of
// OWL (Yin et al. 2023).
//
// Against LISA: blocks with more outliers are sampled more often. Before the first step, on
// sequences of the job:
//   A = |W| * sqrt(c),  c[i] = sum over tokens of x[i]²,  for each linear layer with inputs x
//   D = 100 * #{ a in A : a > M * mean(A) } / #A,  over all linear layers of the block together
//   p(block) = (1 - f) D / sum(D) + f / L,  blocks drawn without replacement
// M outlier threshold · f floor · L blocks. Whether x is summed or averaged over tokens does not
// matter: D is independent of its scale.
//
// State: that of LISA. Projecting gradients is the optimizer's part (galore.ts); "full-rank OwLore"
// is this selection with another optimizer. Differences from the release: scores are computed from
// the model and the data of the job (there they are read from a file of LLaMA-2-7B, under a name
// that does not exist); a block without outliers is sampled sometimes; a block that becomes
// inactive frees its state and basis, one that becomes active begins with a refresh. As in the
// release, scores are computed once, not for each interval.
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

/** p of each block, with sum 1; uniform where no block has outliers. */
export function drawWeights(scores: readonly number[], floor: number): readonly number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  const even = 1 / scores.length;
  return scores.map((score) => (sum === 0 ? even : ((1 - floor) * score) / sum + floor * even));
}
