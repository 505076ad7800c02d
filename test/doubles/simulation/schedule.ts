// What may happen around the operator of a job, as fast-check draws it: calls that fail before or
// after they took effect, caches that lag, leaders that are two, processes that end, pods that die,
// people who edit and delete, a bus that goes, comes back, or comes back empty.
import fc from 'fast-check';
import type { Changes } from '../../builders/job.ts';
import { metaOf } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import type { Budget } from './account.ts';
import { Injected } from './injected.ts';
import { plantForeign } from './invariants.ts';
import { jobsAt, labelsOf, type PodScript, podsAt, statusOf } from './job-controller.ts';
import type { Outcome } from './memory-transport.ts';
import { type Mending, workersMend, workersSave } from './workers.ts';
import { World } from './world.ts';

const fine = fc.constant<Outcome>('Fine');
const outcomes = fc.oneof(
  { weight: 3, arbitrary: fine },
  fc.constantFrom<Outcome>('FailsBefore', 'AnswerIsLost', 'Busy'),
);
/** How many of the changes since the last look a leader has heard of. */
const sees = fc.oneof({ weight: 4, arbitrary: fc.constant(999) }, fc.constantFrom(0, 1, 2));
const leader = fc.nat(1);
/** One thing that happens. */
const event = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('reconcile' as const),
      ...{ leader, sees, faults: fc.array(outcomes, { maxLength: 6 }) },
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('outside' as const),
      seconds: fc.constantFrom(1, 5, 40),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      exit: fc.constantFrom(70, 70, 71, 75, 76, 76, 137, 74),
    }),
  },
  fc.record({ type: fc.constant('finish' as const) }),
  fc.record({ type: fc.constant('evict' as const) }),
  fc.record({ type: fc.constant('deleteWorkers' as const) }),
  fc.record({ type: fc.constant('suspend' as const), suspend: fc.boolean() }),
  fc.record({ type: fc.constant('restart' as const), leader }),
  fc.record({ type: fc.constant('bus' as const), away: fc.boolean() }),
  fc.record({ type: fc.constant('wipe' as const) }),
  fc.record({ type: fc.constant('lose' as const) }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('mend' as const),
      cause: fc.constantFrom<Mending>(
        ...([
          'ProcessFailed',
          'Hang',
          'OutOfMemory',
          'Requested',
          'Disruption',
          'PodLost',
        ] as const),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('save' as const) }) },
);
export type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

export const schedule = fc.array(event, { minLength: 30, maxLength: 80, size: 'max' });

/** How a job begins: most train already; how a job gets there is a schedule too. */
export const beginning = fc.record({
  budget: fc.record({
    maxRestarts: fc.constantFrom(0, 2, 2, 5),
    windowSeconds: fc.constantFrom(0, 0, 300),
  }),
  isBegun: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
});

export interface Run {
  readonly world: World;
  readonly injected: Injected;
  /** The most that may ever be counted; where a window forgives there is none. */
  readonly mostCounted: number;
}

export async function newRun(
  bus: boolean,
  begun: boolean,
  given: Budget,
  changes: Changes = {},
): Promise<Run> {
  const { maxRestarts, windowSeconds } = given;
  const world = new World({ bus, leaders: 2 });
  world.apply({
    'worker.devicesPerWorker': 0,
    'worker.replicas': bus ? 2 : 1,
    'failurePolicy.maxRestarts': maxRestarts,
    'failurePolicy.restartWindowSeconds': windowSeconds,
    ...changes,
  });
  plantForeign(world);
  world.script = script;
  if (begun) await world.settle(12);
  const injected = new Injected(given, bus, () => world.time);
  const mostCounted = windowSeconds === 0 ? maxRestarts : Number.POSITIVE_INFINITY;
  return { world, injected, mostCounted };
}

export async function happen({ world, injected }: Run, each: Event): Promise<void> {
  switch (each.type) {
    case 'reconcile': {
      const faults = [...each.faults];
      world.deliver(each.leader, each.sees);
      world.transport.outcome = ({ verb }) =>
        verb === 'GET' ? 'Fine' : (faults.shift() ?? 'Fine');
      await world.reconcile(each.leader);
      world.transport.outcome = () => 'Fine';
      return;
    }
    case 'outside':
      world.time += each.seconds * 1000;
      world.outside();
      return;
    case 'end':
      if (endOne(world, each.exit)) {
        if (each.exit === Exit.Permanent) injected.permanent();
        else if (each.exit !== Exit.Planned) injected.fault();
      }
      return;
    case 'finish':
      finish(world);
      return;
    case 'evict': {
      const [pod] = world.objects
        .all(podsAt)
        .filter((found) => statusOf(found).phase === 'Running');
      if (pod !== undefined) world.controller.evict(pod);
      return;
    }
    case 'deleteWorkers': {
      const [job] = world.jobs('worker').filter((each) => metaOf(each)['name'] !== 'foreign');
      if (job !== undefined) {
        world.objects.delete(
          { collection: jobsAt, namespace: 'team-a', name: String(metaOf(job)['name']) },
          undefined,
        );
      }
      return;
    }
    case 'suspend':
      world.edit({ suspend: each.suspend });
      return;
    case 'restart':
      world.restart(each.leader);
      return;
    case 'bus':
      if (world.bus !== undefined) world.bus.awaySince = each.away ? world.time : undefined;
      return;
    case 'wipe':
      world.bus?.wipe();
      return;
    case 'lose': {
      const [pod] = runningWorkers(world);
      if (pod !== undefined) world.controller.lose(pod);
      return;
    }
    case 'mend': {
      const policy = world.observed?.spec?.failurePolicy;
      if (!canTalk(world) || policy === undefined) return;
      if (each.cause === 'ProcessFailed' || each.cause === 'Hang') injected.fault();
      workersMend(world, world.bus, each.cause, policy);
      return;
    }
    case 'save':
      if (canTalk(world) && workersSave(world, world.bus)) injected.save();
      return;
    default:
      each satisfies never;
  }
}

type BusWorld = World & { readonly bus: NonNullable<World['bus']> };

/** Workers run, and their bus is there. */
function canTalk(world: World): world is BusWorld {
  const isThere = world.bus !== undefined && world.bus.awaySince === undefined;
  return isThere && runningWorkers(world).length > 0;
}

/** Of workers here: one that no restart mends, and one that is no fault. */
const Exit = { Permanent: 74, Planned: 75 } as const;

/** One worker ends badly; false where none runs. */
function endOne(world: World, exit: number): boolean {
  const [first] = runningWorkers(world);
  const before = world.script;
  world.script = (pod) =>
    metaOf(pod)['uid'] === metaOf(first ?? {})['uid'] ? { exit } : before(pod);
  world.outside();
  world.script = before;
  return first !== undefined;
}

/** Training ends well: workers agree on it where they have a bus, and end. */
function finish(world: World): void {
  if (runningWorkers(world).length === 0) return;
  for (const job of world.bus?.jobs() ?? []) {
    const records = world.bus?.of(job);
    if (records?.state?.world === undefined || records.state.result !== undefined) return;
    records.state = {
      ...records.state,
      result: { type: 'Succeeded', reason: 'Finished', step: 9 },
    };
  }
  const before = world.script;
  world.script = (pod) => (isWorker(pod) ? { exit: 0 } : before(pod));
  world.outside();
  world.script = before;
}

function runningWorkers(world: World): readonly Tree[] {
  return world.objects
    .all(podsAt)
    .filter((pod) => isWorker(pod) && statusOf(pod).phase === 'Running');
}

function isWorker(pod: Tree): boolean {
  return labelsOf(pod)['anneal.dev/component'] === 'worker';
}

/** Jobs before and after training do well; workers run on. */
const script: PodScript = (pod) => (isWorker(pod) ? undefined : { exit: 0 });
