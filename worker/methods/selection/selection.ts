// The selection seam: which trained parameters move in a step, and what becomes of the optimizer state of those that rest.
import type { Moving } from '../../engine/model.ts';
import type { Parameter } from '../../engine/parameters.ts';

/**
 * Updates that the optimizer state of a place has seen, by place: a block number, `embedding` or `head`. A place that is
 * not listed has no state.
 */
export type Ages = Readonly<Record<string, number>>;

export interface Selection {
  readonly name: string;
  /** Trained parameters that move in step `step`, from 0. Depends on the step alone: ranks and resumed runs agree. */
  at(step: number): Moving;
  /** Ages with which step `step` begins, after a step that left `before`; 0 is state that is made anew. */
  ages(step: number, before: Ages): Ages;
  /** What it says of itself at a step: `blocks 3 and 17 of 30, until step 40`. Null where there is nothing to say. */
  describe(step: number): string | null;
}

/** Trained parameters by place. */
export function placesOf(
  parameters: readonly Parameter[],
): ReadonlyMap<Parameter['place'], readonly Parameter[]> {
  return Map.groupBy(parameters, ({ place }) => place);
}

/** The ages behind a step in which these places moved. */
export function grown(ages: Ages, moved: Moving): Ages {
  return Object.fromEntries(
    Object.entries(ages).map(([place, age]) => [
      place,
      moved(toPlace(place)).length > 0 ? age + 1 : age,
    ]),
  );
}

function toPlace(key: string): Parameter['place'] {
  return key === 'embedding' || key === 'head' ? key : Number(key);
}
