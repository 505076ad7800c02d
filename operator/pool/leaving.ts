// Jobs that ask no longer and that the pod may have yet: it does not answer, or it has not seen the
// list by which it is to let them go, since kubelet brings that late. Pure.
import type { PackedJobStatus } from '../../crds/api/training-pool.ts';
import type { Pod } from '../job/observed/pod.ts';
import type { PoolFacts } from './decide.ts';

interface LeavingJob {
  readonly uid: string;
  readonly name: string;
  /** By which the list names it: another each time that the job is paused. */
  readonly word: string;
}

export type LeavingFacts = Pick<
  PoolFacts,
  'pool' | 'asking' | 'generations' | 'told' | 'pods' | 'left'
>;

export function leavingOf(facts: LeavingFacts): readonly LeavingJob[] {
  const { pool, asking, told, generations } = facts;
  const known = pool.status.jobs ?? [];
  const uids = new Set([...known, ...(told?.jobs ?? [])].filter(goesOn).map(({ uid }) => uid));
  return [...uids]
    .filter((uid) => !asking.some((one) => one.uid === uid))
    .map((uid) => {
      const name = known.find((one) => one.uid === uid)?.name ?? uid;
      return { uid, name, word: `${uid}/${generations.get(uid) ?? 0}` };
    })
    .filter((job) => mayBeThere(facts, job));
}

function mayBeThere({ pool, told, pods, left }: LeavingFacts, { uid, word }: LeavingJob): boolean {
  if (told === undefined) return [...pods, ...left].some(isRunning);
  const one = told.jobs.find((job) => job.uid === uid);
  if (one !== undefined) return goesOn(one);
  // One that waited for a place was on no list.
  const known = pool.status.jobs?.find((job) => job.uid === uid);
  if (known?.state === 'Waiting') return false;
  return told.leaving !== undefined && !told.leaving.includes(word);
}

function goesOn({ state }: Pick<PackedJobStatus, 'state'>): boolean {
  return state !== 'Trained' && state !== 'Failed';
}

function isRunning({ status }: Pod): boolean {
  return status.phase === 'Running';
}
