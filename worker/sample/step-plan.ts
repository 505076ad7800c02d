// What each part of a composition does at each denoising step. Pure, and decided before the first
// one: a picture is the same whatever is made beside it.
import { dominance, dominantWeights } from '../serve/dominance.ts';
import type { Sequencing } from './sequencing.ts';
import { turnsOf } from './turns.ts';

export interface StepPlan {
  /** Of each part in the noise that is found; they sum to 1. A part with 0 is not asked. */
  readonly shares: readonly number[];
  /** Whether a part computes its deep blocks, or takes what they added when it last did. */
  readonly deep: readonly boolean[];
  /** Where one part leads, its number: of its turn, even when its weight is that of the others. */
  readonly leader?: number;
}

/** The weighted mean at each step; weights are not 0 together. */
export function meanPlan(weights: readonly number[], steps: number): readonly StepPlan[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => weight / total);
  return Array.from({ length: steps }, () => ({ shares, deep: weights.map(() => true) }));
}

/** One part alone for `span` steps, then the next. */
export function switchPlan(parts: number, steps: number, span: number): readonly StepPlan[] {
  return Array.from({ length: steps }, (_, step) => {
    const own = Math.floor(step / span) % parts;
    const shares = Array.from({ length: parts }, (_, part) => Number(part === own));
    return { shares, deep: shares.map(() => true) };
  });
}

interface DominantSettings {
  readonly steps: number;
  /** Steps of a turn; null for the turns of the paper. */
  readonly span: number | null;
  readonly caches: boolean;
}

/**
 * CMLoRA: in each turn one part weighs more in the mean. Deep blocks of a part are computed when
 * its turn begins, and at the first step. With turns of one step nothing is kept, as in the paper.
 */
export function dominantPlan(
  { high, rest, fallsAt }: Sequencing,
  { steps, span, caches }: DominantSettings,
): readonly StepPlan[] {
  const parts = high.length + rest.length;
  const starts = turnsOf(steps, span);
  const keeps = caches && span !== 1 && parts > 1;
  return Array.from({ length: steps }, (_, step) => {
    const turn = starts.findLastIndex((start) => start <= step);
    const start = starts[turn] ?? 0;
    const leading = start < fallsAt || rest.length === 0 ? high : rest;
    const leader = leading[turn % leading.length] ?? 0;
    const shares = dominantWeights(parts, leader, dominance(parts, turn)).map((w) => w / parts);
    const isComputed = (part: number) =>
      !keeps || step === 0 || (step === start && part === leader);
    return { shares, deep: shares.map((_, part) => isComputed(part)), leader };
  });
}

/** Blocks that are passed with this plan, of `L`, of which `deep` are deep. */
export function blocksOf(plan: readonly StepPlan[], { L, deep }: DeepSizes): number {
  const passed = plan.flatMap(({ shares, deep: computes }) =>
    shares.flatMap((share, part) => (share === 0 ? [] : [computes[part] ? L : L - deep])),
  );
  return passed.reduce((sum, blocks) => sum + blocks, 0);
}

interface DeepSizes {
  readonly L: number;
  readonly deep: number;
}
