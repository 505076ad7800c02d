// One look at a pool: which jobs train in it, whether it needs a pod, what to say of them. Pure.
import type { Condition } from '../../crds/api/conditions.ts';
import type { PackedJobStatus, PoolCondition, PoolStatus } from '../../crds/api/training-pool.ts';
import { annotation } from '../../crds/names/labels.ts';
import type { ListedJob, PoolAnswer, PoolList, ToldJob } from '../../crds/wire/pool.ts';
import type { BatchJob } from '../job/observed/batch-job.ts';
import type { Pod } from '../job/observed/pod.ts';
import { setCondition } from '../runtime/conditions.ts';
import { leavingOf } from './leaving.ts';
import type { BuiltPool } from './objects.ts';
import type { ObservedPool } from './observed.ts';

export type PackedJob = ListedJob;

export interface PoolFacts {
  readonly pool: ObservedPool;
  /** Jobs that ask to be trained now, the oldest first. */
  readonly asking: readonly PackedJob[];
  /** By UID, of all that name the pool. */
  readonly generations: ReadonlyMap<string, number>;
  /** Its own. */
  readonly job: BatchJob | undefined;
  /** Of that Job. */
  readonly pods: readonly Pod[];
  /** Of a Job before it, which was deleted; they have yet to end. */
  readonly left: readonly Pod[];
  /** By the running pod; undefined where it does not answer. */
  readonly told: Omit<PoolAnswer, 'v'> | undefined;
  /** What the cluster refused last, of this generation. */
  readonly refused: { readonly reason: string; readonly message: string } | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What becomes of its Job; one of another generation goes before its successor comes. */
export type PoolStep = 'Keep' | 'Create' | 'Remove';

interface PoolDecision {
  readonly built: BuiltPool | undefined;
  readonly list: PoolList;
  /** UIDs of jobs of the list that the pool was not known to train. */
  readonly joining: readonly string[];
  readonly step: PoolStep;
  readonly status: PoolStatus;
}

export function decidePool(facts: PoolFacts): PoolDecision {
  const { pool, asking, job } = facts;
  const { spec, generation } = pool;
  const built = spec === undefined ? undefined : { ...pool, spec };
  const listed = asking.slice(0, spec?.jobs ?? 0);
  const isCurrent = job?.metadata.annotations[annotation.generation] === String(generation);
  const current = { ...facts, told: isCurrent ? facts.told : undefined };
  const leaving = leavingOf(current);
  const jobs = statesOf(current, listed, leaving);
  const training = jobs.filter(({ state }) => state === 'Training').length;
  let conditions: readonly Condition[] = pool.status.conditions ?? [];
  for (const one of conditionsOf(facts, isCurrent)) {
    conditions = setCondition<PoolCondition>(conditions, one, { now: facts.now, generation });
  }
  return {
    list: { jobs: [...listed], leaving: leaving.map(({ word }) => word) },
    joining: listed.map(({ uid }) => uid).filter((uid) => !isListed(pool, uid)),
    ...{ built, step: stepOf(facts, isCurrent) },
    status: {
      observedGeneration: generation,
      jobs: [...jobs],
      summary: `${training}/${asking.length}`,
      conditions: [...conditions],
    },
  };
}

/** By the look before this one. */
function isListed({ status }: ObservedPool, uid: string): boolean {
  const state = status.jobs?.find((one) => one.uid === uid)?.state;
  return state !== undefined && state !== 'Waiting' && state !== 'Leaving';
}

/** Without jobs there is no pod: what it holds is for others. */
function stepOf({ job, asking, told, left }: PoolFacts, isCurrent: boolean): PoolStep {
  const isWanted = asking.length > 0;
  // Two pods would write to the same run folders.
  if (job === undefined) return isWanted && left.length === 0 ? 'Create' : 'Keep';
  if (job.metadata.deletionTimestamp !== undefined) return 'Keep';
  const isLeft = told?.jobs.some(({ state }) => state === 'Leaving') === true;
  return isCurrent && (isWanted || isLeft) ? 'Keep' : 'Remove';
}

function statesOf(
  { pool, asking, told }: PoolFacts,
  listed: readonly PackedJob[],
  leaving: readonly Pick<PackedJobStatus, 'uid' | 'name'>[],
): readonly PackedJobStatus[] {
  const by = new Map(told?.jobs.map((one) => [one.uid, one]));
  const known = new Map(pool.status.jobs?.map((one) => [one.uid, one]));
  const states = asking.map(({ name, uid }): PackedJobStatus => {
    if (!listed.some((one) => one.uid === uid)) {
      const message = `${listed.length} jobs train in the pool, which is what spec.jobs says`;
      return { name, uid, state: 'Waiting', message };
    }
    const one = by.get(uid);
    if (one !== undefined) return { name, ...withoutNumbers(one) };
    // A pod that is lost has nothing to say: how training ended stays known.
    const before = known.get(uid);
    const isOver = before?.state === 'Trained' || before?.state === 'Failed';
    return isOver ? before : { name, uid, state: 'Attaching' };
  });
  return [
    ...states,
    ...leaving.map(({ uid, name }): PackedJobStatus => ({ name, uid, state: 'Leaving' })),
  ];
}

function withoutNumbers({
  step: _,
  evaluation: __,
  ...rest
}: ToldJob): Omit<PackedJobStatus, 'name'> {
  return rest;
}

interface Said {
  readonly type: PoolCondition;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

function conditionsOf({ pool, refused, ...facts }: PoolFacts, isCurrent: boolean): readonly Said[] {
  if (pool.spec === undefined) {
    const said = { status: 'False', reason: 'InvalidSpec', message: pool.problem } as const;
    return [
      { type: 'Accepted', ...said },
      { type: 'Ready', ...said },
    ];
  }
  const accepted: Said =
    refused === undefined
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'its objects are written' }
      : { type: 'Accepted', status: 'False', ...refused };
  return [accepted, readiness({ pool, refused, ...facts }, isCurrent)];
}

function readiness(
  { asking, job, pods, left, told, refused }: PoolFacts,
  isCurrent: boolean,
): Said {
  const no = (reason: string, message: string): Said => ({
    ...{ type: 'Ready', status: 'False', reason, message: message.slice(0, 1000) },
  });
  if (refused !== undefined) return no(refused.reason, refused.message);
  if (asking.length === 0) return no('NoJobs', 'no job asks to be trained, so there is no pod');
  if (job === undefined) {
    const [before] = left;
    return before === undefined
      ? no('Pending', 'its pod is about to be made')
      : no('Replacing', `pod ${before.metadata.name} was made before and has yet to end`);
  }
  if (!isCurrent) return no('Replacing', 'the pod of the spec before saves and ends first');
  if (told !== undefined)
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'its pod answers' };
  const failed = job.status.conditions?.find(
    ({ type, status }) => type === 'Failed' && status === 'True',
  );
  if (failed !== undefined) return no('PodFailed', `its pod failed: ${failed.message ?? ''}`);
  const pod = pods.find(({ status }) => status.phase === 'Pending');
  const unscheduled = pod?.status.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  );
  if (unscheduled !== undefined)
    return no('Unschedulable', unscheduled.message ?? 'it has no node');
  const waiting = pod?.status.containerStatuses
    ?.map(({ state }) => state.waiting)
    .find((one) => one);
  if (waiting?.message !== undefined) return no(waiting.reason ?? 'PodWaits', waiting.message);
  const said = lastLine(pods);
  const before = said === undefined ? '' : `; the one before said: ${said}`;
  return no('Starting', `its pod starts${before}`);
}

/** Of the newest pod that failed. */
function lastLine(pods: readonly Pod[]): string | undefined {
  const failed = pods
    .filter(({ status }) => status.phase === 'Failed')
    .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));
  const [container] = failed.at(-1)?.status.containerStatuses ?? [];
  return container?.state.terminated?.message?.trim().split('\n').at(-1);
}
