// A job whose workers only end, save and mend, under a schedule: the invariants hold, it is left
// alone when nothing moves, and it ends as it should.
import { preparingAlone } from '../../builders/job.ts';
import type { Budget } from './account.ts';
import { check, hold, memoryOf } from './invariants.ts';
import { type Event, happen, newRun, type Run } from './schedule.ts';
import type { World } from './world.ts';

export interface Beginning {
  readonly budget: Budget;
  /** It trains already. */
  readonly isBegun: boolean;
}

const alone = { ...preparingAlone, 'worker.replicas': 1 };
const published = { finished: { reason: 'Finished', step: 24 }, published: { artifacts: [] } };
const kinds = {
  operator: { hasBus: true, changes: {}, terminationMessage: {} },
  'operator-without-bus': { hasBus: false, changes: {}, terminationMessage: {} },
  /** Its only worker prepares and publishes too. */
  'operator-of-one': { hasBus: true, changes: alone, terminationMessage: published },
  'operator-of-one-without-bus': { hasBus: false, changes: alone, terminationMessage: published },
} as const;

export type JobKind = keyof typeof kinds;
export const jobKinds = Object.keys(kinds) as readonly JobKind[];

/** How the job ended; throws the sentence of what does not hold. */
export function operatorEnds(kind: JobKind) {
  const { hasBus, changes, terminationMessage } = kinds[kind];
  return async (events: readonly Event[], { isBegun, budget }: Beginning): Promise<string> => {
    const run = await newRun(hasBus, isBegun, budget, changes);
    const { world, mostCounted } = run;
    const memory = memoryOf(world);
    let end: string | undefined;
    const holds = () => {
      hold(world, memory, mostCounted);
      end ??= endOf(run);
    };
    for (const each of events) {
      await happen(run, each);
      holds();
    }
    await settles(world);
    holds();
    if (world.bus !== undefined) world.bus.awaySince = undefined;
    world.edit({ suspend: false });
    world.script = () => ({ exit: 0, terminationMessage });
    await world.settle(600);
    holds();
    if (end === undefined) throw new Error(`it is ${world.phase}, and nothing is in its way`);
    return end;
  };
}

/** Asked after each event: what is saved or goes wrong after the end has no part in it. */
function endOf({ world: { phase, observed }, injected }: Run): string | undefined {
  if (phase === 'Succeeded') return phase;
  if (phase !== 'Failed') return undefined;
  const reason = observed?.status.failure?.reason;
  const complaint = injected.complaint(reason);
  check(complaint === undefined, `it failed of ${reason}, and should not have: ${complaint}`);
  return String(reason);
}

/**
 * I3: evaluated at again and again, a world in which nothing moves is left alone after a few looks.
 */
async function settles(world: World): Promise<void> {
  for (let look = 0; look < 12; look++) {
    const before = world.transport.writes.length;
    for (const [leader] of world.leaders.entries()) {
      world.deliver(leader);
      await world.reconcile(leader);
    }
    if (world.transport.writes.length === before) return;
  }
  check(false, 'I3: it is still written to after twelve looks');
}
