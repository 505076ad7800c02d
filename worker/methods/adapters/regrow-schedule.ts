// When places of an adapter are chosen again, and how many of them.
import type { Moment, Probe } from './adapter.ts';

export interface Schedule {
  readonly reselectSteps: number;
  /** Of all places, at the first step of the run; falling to none at its end. */
  readonly initialRate: number;
}

/** Steps from this one to the next at whose end places are chosen again; none before the last. */
function stepsToEvent({ reselectSteps }: Schedule, { step, totalSteps }: Moment): number {
  const steps = reselectSteps - 1 - (step % reselectSteps);
  return step + steps + 1 < totalSteps ? steps : Number.POSITIVE_INFINITY;
}

export function isEvent(schedule: Schedule, moment: Moment): boolean {
  return stepsToEvent(schedule, moment) === 0;
}

/** In the last `accumulationSteps` before. */
export function probeAt(schedule: Schedule, accumulationSteps: number, moment: Moment): Probe {
  const left = stepsToEvent(schedule, moment);
  if (left >= accumulationSteps) return 'None';
  return left === accumulationSteps - 1 ? 'All' : 'Candidates';
}

/** How many of `places` go, at the event of a step. */
export function countAt(
  { reselectSteps, initialRate }: Schedule,
  { step, totalSteps }: Moment,
  places: number,
): number {
  const share = step < reselectSteps ? 1 : initialRate * (1 - (step + 1) / totalSteps);
  return Math.floor(share * places);
}
