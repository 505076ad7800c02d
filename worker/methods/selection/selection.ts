// The selection axis: which trained parameters are active in a step, and what happens to the
// optimizer state of the inactive ones.
import type { Active } from '../../engine/model.ts';
import type { Parameter } from '../../engine/parameters.ts';

/**
 * Updates of the optimizer state by layer: a block number, or the name of a place outside the
 * blocks. A layer that is not listed has no state.
 */
export type StepCounts = Readonly<Record<string, number>>;

export interface Selection {
  readonly name: string;
  /**
   * Active parameters of step `step`, from 0. Depends on the step alone, so that all ranks agree.
   */
  at(step: number): Active;
  /** Counts at the start of step `step`, given those after the last one; 0 creates new state. */
  stepCounts(step: number, before: StepCounts): StepCounts;
  /** What it reports at a step: `blocks 3 and 17 of 30, until step 40`; null for nothing. */
  describe(step: number): string | null;
}

/** Trained parameters by layer. */
export function layersOf(
  parameters: readonly Parameter[],
): ReadonlyMap<Parameter['layer'], readonly Parameter[]> {
  return Map.groupBy(parameters, ({ layer }) => layer);
}

/** The counts after a step in which these parameters were updated. */
export function grown(stepCounts: StepCounts, updated: Active): StepCounts {
  return Object.fromEntries(
    Object.entries(stepCounts).map(([layer, stepCount]) => [
      layer,
      updated(toLayer(layer)).length > 0 ? stepCount + 1 : stepCount,
    ]),
  );
}

function toLayer(key: string): Parameter['layer'] {
  return /^\d+$/.test(key) ? Number(key) : key;
}
