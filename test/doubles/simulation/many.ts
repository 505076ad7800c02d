// A long run of schedules that goes on where something did not hold: each kind of violation is told
// once, with the first schedule of it, as short as it could be made.
import fc from 'fast-check';

/** What is drawn, and how the job ended; it throws the sentence of what did not hold. */
export interface Simulation<Event, Given> {
  readonly events: fc.Arbitrary<readonly Event[]>;
  readonly given: fc.Arbitrary<Given>;
  readonly end: (events: readonly Event[], given: Given) => Promise<string>;
}

interface Asked {
  readonly schedules: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

interface Outcome {
  readonly schedules: number;
  readonly ends: ReadonlyMap<string, number>;
  /** By kind. */
  readonly violations: ReadonlyMap<string, number>;
}

/** A line of progress after so many schedules. */
const progressEvery = 1000;

export async function runMany<Event, Given>(
  simulation: Simulation<Event, Given>,
  { schedules, seed, signal, tell }: Asked,
): Promise<Outcome> {
  const { events, given, end } = simulation;
  const ends = new Map<string, number>();
  const violations = new Map<string, number>();
  let done = 0;
  for (const [each, budget] of fc.sample(fc.tuple(events, given), { numRuns: schedules, seed })) {
    if (signal.aborted) break;
    const violation = await violationOf(async () => count(ends, await end(each, budget)));
    if (violation !== undefined) {
      const kind = kindOf(violation);
      if (count(violations, kind) === 1) {
        const fails = async (some: readonly Event[]) =>
          kindOf((await violationOf(() => end(some, budget))) ?? '') === kind;
        tell(`schedule ${done} of seed ${seed}: ${violation}`);
        tell(`${JSON.stringify(await shortened(each, fails))} with ${JSON.stringify(budget)}`);
      }
    }
    done += 1;
    if (done % progressEvery === 0) tell(`${done} of ${schedules}`);
  }
  return { schedules: done, ends, violations };
}

/** Without every run of events, long ones first, that it fails without. */
export async function shortened<Event>(
  events: readonly Event[],
  fails: (events: readonly Event[]) => Promise<boolean>,
): Promise<readonly Event[]> {
  let left = events;
  for (let size = Math.ceil(events.length / 2); size > 0; size = Math.floor(size / 2)) {
    for (let from = 0; from < left.length; ) {
      const without = left.toSpliced(from, size);
      if (await fails(without)) left = without;
      else from += size;
    }
  }
  return left;
}

/**
 * Violations that differ in numbers alone are of one kind; what was done to the job is not part of
 * it.
 */
export function kindOf(violation: string): string {
  return violation.replace(/: trainers: .*/s, '').replace(/\b\d+(\.\d+)?\b/g, 'N');
}

async function violationOf(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function count(counts: Map<string, number>, key: string): number {
  const next = (counts.get(key) ?? 0) + 1;
  counts.set(key, next);
  return next;
}
