// Which schedules a simulation draws: at every run the same few, so that a run is worth what it was before, or as many others as ANNEAL_SIMULATIONS says.
// A schedule that fails is told with the variables that draw it again.
import fc from 'fast-check';
import { budget, happenings } from './happenings.ts';
import { survives } from './scene.ts';

interface Draws {
  readonly numRuns: number;
  readonly seed: number;
  /** Of the one schedule that is to be seen again. */
  readonly path?: string;
}

/** The usual ones, unless the environment asks for others. */
export function draws(usual: Draws): Draws {
  const { ANNEAL_SIMULATIONS: runs, ANNEAL_TEST_SEED: seed, ANNEAL_TEST_PATH: path } = process.env;
  if (runs === undefined && seed === undefined) return usual;
  return {
    numRuns: Number(runs ?? usual.numRuns),
    seed: Number(seed ?? fc.sample(fc.noBias(fc.nat()), 1)[0]),
    ...(path === undefined ? {} : { path }),
  };
}

/** Throws what did not hold, in the shortest schedule that was found, with how to see it again. */
export async function holdsInAll<T>(property: fc.IAsyncProperty<T>, asked: Draws): Promise<void> {
  const found = await fc.check(property, asked);
  if (!found.failed) return;
  const { counterexample, counterexamplePath, errorInstance: cause, seed } = found;
  const what = cause instanceof Error ? cause.message : 'it took too long';
  const again = `ANNEAL_TEST_SEED=${seed} ANNEAL_TEST_PATH=${counterexamplePath}`;
  throw new Error(`${what}\n${again}\n${fc.stringify(counterexample)}`, { cause });
}

/** How jobs of several workers ended in all of them, and how many ranks went on from copies. */
export async function surviveAll(asked: Draws) {
  const ends = new Map<string, number>();
  let fromCopies = 0;
  const property = fc.asyncProperty(happenings, budget, async (events, given) => {
    const survival = await survives(events, given);
    ends.set(survival.end, (ends.get(survival.end) ?? 0) + 1);
    fromCopies += survival.fromCopies;
  });
  await holdsInAll(property, asked);
  return { ends, fromCopies };
}
