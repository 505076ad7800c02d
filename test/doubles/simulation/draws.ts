// Schedules that a test draws: the same few at every run, so that a run is worth what it was
// before. One that fails is told as short as it could be made. `npm run simulate` draws many others
// (main.ts).
import fc from 'fast-check';
import { budget, simulationEvents } from './events.ts';
import { survives } from './scene.ts';

interface Draws {
  readonly numRuns: number;
  readonly seed: number;
}

/** Throws what did not hold, with the shortest schedule that was found. */
export async function holdsInAll<T>(property: fc.IAsyncProperty<T>, asked: Draws): Promise<void> {
  const found = await fc.check(property, asked);
  if (!found.failed) return;
  const { counterexample, errorInstance: cause } = found;
  const what = cause instanceof Error ? cause.message : 'it took too long';
  throw new Error(`${what}\n${JSON.stringify(counterexample)}`, { cause });
}

/** How jobs of several workers ended in all of them, and how many ranks went on from copies. */
export async function surviveAll(asked: Draws) {
  const ends = new Map<string, number>();
  let fromCopies = 0;
  const property = fc.asyncProperty(simulationEvents, budget, async (events, given) => {
    const survival = await survives(events, given);
    ends.set(survival.end, (ends.get(survival.end) ?? 0) + 1);
    fromCopies += survival.fromCopies;
  });
  await holdsInAll(property, asked);
  return { ends, fromCopies };
}
