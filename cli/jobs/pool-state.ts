// How a pool of training jobs is, in one word and in numbers, from its conditions. Pure.
import type { Condition } from '../../crds/api/conditions.ts';
import type { PackedJobStatus, PoolCondition } from '../../crds/api/training-pool.ts';
import { isUnread } from './job.ts';
import type { Pool } from './pools.ts';
import { isStatusUnread } from './unread.ts';

/**
 * Pending: no operator told of it. Unreadable: what it told cannot be read. Refused: what follows
 * from its spec cannot be written. Idle: no job asks for it. Replacing: a pod before it has yet to
 * end. Failing: its pod has no node, no image, or an end that is none of a job's.
 */
export type PoolState =
  | 'Pending'
  | 'Unreadable'
  | 'Refused'
  | 'Idle'
  | 'Starting'
  | 'Replacing'
  | 'Failing'
  | 'Running'
  | 'Deleting';

/** Of the condition Ready, where the pod does not answer; other reasons are of what holds it. */
const states: Readonly<Record<string, PoolState>> = {
  NoJobs: 'Idle',
  Pending: 'Starting',
  Starting: 'Starting',
  Replacing: 'Replacing',
};

export function poolState(pool: Pick<Pool, 'status' | 'deleting' | 'unread'>): PoolState {
  const ready = poolCondition(pool, 'Ready');
  if (pool.deleting) return 'Deleting';
  if (poolCondition(pool, 'Accepted')?.status === 'False') return 'Refused';
  if (ready === undefined) return isStatusUnread(pool) ? 'Unreadable' : 'Pending';
  if (ready.status === 'True') return 'Running';
  return states[ready.reason] ?? 'Failing';
}

export function poolCondition(
  { status }: Pick<Pool, 'status'>,
  type: PoolCondition,
): Condition | undefined {
  return status.conditions?.find((one) => one.type === type);
}

/** Undefined where no operator told. */
export function packedOf({ status: { jobs } }: Pick<Pool, 'status'>) {
  if (jobs === undefined) return undefined;
  const count = (...wanted: readonly PackedJobStatus['state'][]) =>
    jobs.filter(({ state }) => wanted.includes(state)).length;
  return {
    training: count('Training'),
    waiting: count('Waiting'),
    failed: count('Failed'),
    total: jobs.length,
  };
}

/** The most that train at one time; undefined where that cannot be read. */
export function placesOf({ spec, unread }: Pick<Pool, 'spec' | 'unread'>): number | undefined {
  return isUnread(unread, 'spec.jobs') ? undefined : spec.jobs;
}
