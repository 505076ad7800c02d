// Which layers get ranks, and when (IncreLoRA): pure, of numbers that are the same at every rank of
// a world.
import type { Moment } from './adapter.ts';

/** What decides about ranks to come: by layer, in the order of the model. Part of checkpoints. */
export interface RankGrowth {
  /** The steps from which on ranks that a layer got train. */
  readonly births: readonly (readonly number[])[];
  readonly importance: readonly number[];
  readonly uncertainty: readonly number[];
}

export interface GrowthSettings {
  /** The mean rank of a layer in the end. */
  readonly rank: number;
  /** The most of a layer: one and whole increments. */
  readonly most: number;
  readonly increment: number;
  readonly intervalSteps: number;
  /** Null: as many as give all ranks away in half of the steps. */
  readonly layersPerEvent: number | null;
}

/** Part of a mean that the step before leaves in it. */
const memory = 0.85;

export function ungrown(layers: number): RankGrowth {
  const zeros = new Array<number>(layers).fill(0);
  return { births: zeros.map(() => []), importance: zeros, uncertainty: zeros };
}

export function liveRanks({ increment }: GrowthSettings, births: readonly number[]): number {
  return 1 + increment * births.length;
}

function totalOf(settings: GrowthSettings, { births }: RankGrowth): number {
  return births.reduce((sum, own) => sum + liveRanks(settings, own), 0);
}

/** Increments that the budget has left. */
function incrementsLeft(settings: GrowthSettings, state: RankGrowth): number {
  const budget = settings.rank * state.births.length;
  return Math.floor((budget - totalOf(settings, state)) / settings.increment);
}

function canGrow(settings: GrowthSettings, births: readonly number[]): boolean {
  return liveRanks(settings, births) + settings.increment <= settings.most;
}

/** Whether no layer gets ranks any more. */
export function isFull(settings: GrowthSettings, state: RankGrowth): boolean {
  if (incrementsLeft(settings, state) === 0) return true;
  return !state.births.some((births) => canGrow(settings, births));
}

/**
 * After a step that was applied. A score is how much the loss depends on the change of a layer in
 * it; null where the layer did not train.
 */
export function afterStep(
  settings: GrowthSettings,
  before: RankGrowth,
  scores: readonly (number | null)[],
  moment: Moment,
): RankGrowth {
  const mean = (old: number, fresh: number) => memory * old + (1 - memory) * fresh;
  const importance = before.importance.map((old, i) => mean(old, scores[i] ?? old));
  const uncertainty = before.uncertainty.map((old, i) => {
    const score = scores[i] ?? null;
    return score === null ? old : mean(old, Math.abs(score - (importance[i] ?? 0)));
  });
  const state = { ...before, importance, uncertainty };
  if (!isEvent(settings, moment) || isFull(settings, before)) return state;
  const chosen = new Set(layersToGrow(settings, state, moment));
  const births = state.births.map((own, i) => (chosen.has(i) ? [...own, moment.step + 1] : own));
  return { ...state, births };
}

/** What comes in the last step would never train. */
function isEvent({ intervalSteps }: GrowthSettings, { step, totalSteps }: Moment): boolean {
  return (step + 1) % intervalSteps === 0 && step + 1 < totalSteps;
}

/** Those of the largest importance times uncertainty; of equal ones the first. */
function layersToGrow(
  settings: GrowthSettings,
  state: RankGrowth,
  moment: Moment,
): readonly number[] {
  const { births, importance, uncertainty } = state;
  const worth = (i: number) => (importance[i] ?? 0) * (uncertainty[i] ?? 0);
  const count = Math.min(
    layersAtOnce(settings, births.length, moment),
    incrementsLeft(settings, state),
  );
  return births
    .flatMap((own, i) => (canGrow(settings, own) ? [i] : []))
    .sort((a, b) => worth(b) - worth(a) || a - b)
    .slice(0, count);
}

function layersAtOnce(settings: GrowthSettings, layers: number, { totalSteps }: Moment): number {
  const { layersPerEvent, intervalSteps } = settings;
  if (layersPerEvent !== null) return layersPerEvent;
  const events = Math.max(1, Math.floor(totalSteps / 2 / intervalSteps));
  return Math.ceil(incrementsLeft(settings, ungrown(layers)) / events);
}
