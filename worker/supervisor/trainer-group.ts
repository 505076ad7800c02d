// The trainers of one pod, one for each of its devices, as one: they are started together, and when
// one of them ends badly the others are ended, since each would wait for it in the next collective.
import type { Clock } from '../../crds/clock.ts';
import type { TrainerOrder } from '../../crds/wire/trainer-order.ts';
import type { Child } from './child.ts';
import { type Ending, endingOf, type Failure } from './end-of-child.ts';

interface GroupPlan {
  readonly count: number;
  /** `place` is that of the trainer in this pod, from 0. */
  readonly start: (place: number) => Child;
  /** Last step that this one told. */
  readonly stepOf: (place: number) => number;
  /** What is said of one that the others waited for in vain. */
  readonly hangOf: (place: number) => Failure;
  readonly clock: Clock;
}

/** How the trainer ended whose end decides. */
interface PlacedEnding {
  readonly place: number;
  readonly ending: Ending;
}

export interface TrainerGroup {
  /** Resolves when all have ended. */
  readonly ended: Promise<PlacedEnding>;
  readonly running: ReadonlySet<number>;
  say(what: TrainerOrder): void;
  /** To the first of them, which agrees with the others on what to do. */
  sayFirst(what: TrainerOrder): void;
  /** SIGKILL to all. */
  kill(): void;
}

/**
 * So long others may go on after one failed or lost its peers: they tell the same by themselves,
 * and one that does not is what the others have lost.
 */
const graceMs = 10_000;

export function startGroup(plan: GroupPlan): TrainerGroup {
  const children = Array.from({ length: plan.count }, (_, place) => plan.start(place));
  const running = new Set(children.keys());
  const kill = () => {
    for (const place of running) children[place]?.kill();
  };
  return {
    ...{ running, kill, ended: decisiveEnd(plan, children, running, kill) },
    say(what) {
      for (const each of children) each.say(what);
    },
    sayFirst: (what) => children[0]?.say(what),
  };
}

async function decisiveEnd(
  { stepOf, hangOf, clock }: GroupPlan,
  children: readonly Child[],
  running: Set<number>,
  kill: () => void,
): Promise<PlacedEnding> {
  const ends: PlacedEnding[] = [];
  const over = new AbortController();
  let isKilled = false;
  const killAll = () => {
    isKilled = true;
    kill();
  };
  // The others have ended: whoever has not says nothing, or does not hear them.
  const killSilent = () => {
    const [place] = running;
    if (place !== undefined) ends.push({ place, ending: hangOf(place) });
    killAll();
  };
  const follow = async ({ ended }: Child, place: number): Promise<void> => {
    const end = await ended;
    running.delete(place);
    // A consequence, and no cause.
    if (isKilled && end.signal === 'SIGKILL') return;
    const ending = endingOf(end, stepOf(place));
    ends.push({ place, ending });
    if (typeof ending !== 'object' || running.size === 0) return;
    if (isCause(ending)) killAll();
    else void clock.sleep(graceMs, over.signal).then(killSilent, () => {});
  };
  await Promise.all(children.map(follow));
  over.abort();
  return decisive(ends);
}

/** It was lost, and alone: others only wait for it. */
function isCause({ code, retry }: Failure): boolean {
  return retry === 'Counted' && code !== 'E_PEER_LOST';
}

/** A failure that is not the loss of another, then any failure, then a stop. */
function decisive(ends: readonly PlacedEnding[]): PlacedEnding {
  const failed = ends.filter(({ ending }) => typeof ending === 'object');
  const cause = failed.find(
    ({ ending }) => typeof ending === 'object' && ending.code !== 'E_PEER_LOST',
  );
  const stopped = ends.find(({ ending }) => ending === 'Stopped');
  return cause ?? failed[0] ?? stopped ?? { place: 0, ending: 'Done' };
}
