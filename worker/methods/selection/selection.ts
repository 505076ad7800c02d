// The selection axis: which trained parameters are active in a step, and what becomes of the
// optimizer state of those that rest.
import type { Active } from '../../engine/model.ts';
import type { Parameter } from '../../engine/parameters.ts';

/**
 * Updates that the optimizer state of a place has seen, by place: a block number, `embedding` or
 * `head`. A place that is not listed has no state.
 */
export type StepCounts = Readonly<Record<string, number>>;

export interface Selection {
  readonly name: string;
  /**
   * Active parameters of step `step`, from 0. Depends on the step alone: ranks and resumed runs
   * agree.
   */
  at(step: number): Active;
  /**
   * StepCounts with which step `step` begins, after a step that left `before`; 0 is state that is
   * made anew.
   */
  stepCounts(step: number, before: StepCounts): StepCounts;
  /**
   * What it says of itself at a step: `blocks 3 and 17 of 30, until step 40`. Null where there is
   * nothing to say.
   */
  describe(step: number): string | null;
}

/** Trained parameters by place. */
export function layersOf(
  parameters: readonly Parameter[],
): ReadonlyMap<Parameter['layer'], readonly Parameter[]> {
  return Map.groupBy(parameters, ({ layer }) => layer);
}

/** The ages behind a step in which these places moved. */
export function grown(stepCounts: StepCounts, moved: Active): StepCounts {
  return Object.fromEntries(
    Object.entries(stepCounts).map(([layer, stepCount]) => [
      layer,
      moved(toLayer(layer)).length > 0 ? stepCount + 1 : stepCount,
    ]),
  );
}

function toLayer(key: string): Parameter['layer'] {
  return key === 'embedding' || key === 'head' ? key : Number(key);
}
