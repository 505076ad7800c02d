// The selection axis: which trained parameters are active in a step, and what happens to the
// optimizer state of the inactive ones.
import type { Active } from '../../engine/model.ts';
import { countedAs, ofChoices, type Parameter } from '../../engine/parameters.ts';

/**
 * Updates of the optimizer state by layer: a block number, or the name of a place outside the
 * blocks; of what chooses in a layer, apart (`countedAs`). What is not listed has no state.
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
    Object.entries(stepCounts).map(([key, stepCount]) => [
      key,
      updated(toLayer(key)).some((one) => countedAs(one) === key) ? stepCount + 1 : stepCount,
    ]),
  );
}

function toLayer(key: string): Parameter['layer'] {
  const layer = key.endsWith(ofChoices) ? key.slice(0, -ofChoices.length) : key;
  return /^\d+$/.test(layer) ? Number(layer) : layer;
}
