// Why a pool whose objects are written is in its state, and what it waits for, from its conditions
// and the states of its jobs. Pure.
import type { PackedJobStatus } from '../../crds/api/training-pool.ts';
import { poolChild } from '../../crds/names/child-names.ts';
import { label } from '../../crds/names/labels.ts';
import { listed } from '../terminal/listed.ts';
import { modelOf } from './job.ts';
import { type PoolState, packedOf, placesOf, poolCondition, poolState } from './pool-state.ts';
import type { Pool } from './pools.ts';
import type { Why } from './why.ts';

/** One line for each of these facts. */
export function whyOfPool(pool: Pool): Why {
  const { happened, doing, change } = (words[poolState(pool)] ?? untold)(pool);
  return { happened: [happened, ...jobLines(pool)].join('\n'), doing, change };
}

type Words = (pool: Pool) => Why;

const words: Readonly<Partial<Record<PoolState, Words>>> = {
  Idle: ({ name }) => ({
    happened: 'no job asks to be trained, so there is no pod and no device is held',
    doing: 'a pod comes with the first job that is prepared',
    change: `a job names it by spec.packing: { pool: ${name} }`,
  }),
  Starting: (pool) => ({
    happened: readyMessage(pool),
    doing: 'its jobs train as soon as the pod has loaded the base',
    change: `run ${lookAt(pool, 'describe pods')} to see what the pod waits for`,
  }),
  Replacing: (pool) => ({
    happened: readyMessage(pool),
    doing: 'the next pod goes on from the checkpoints of its jobs',
    change: '',
  }),
  Failing: (pool) => {
    const { name, namespace } = pool;
    const happened = readyMessage(pool);
    if (poolCondition(pool, 'Ready')?.reason === 'PodFailed') {
      return {
        happened,
        doing: 'its jobs wait, and their checkpoints are kept; a retry would fail the same way',
        change: `run ${lookAt(pool, 'logs')} to see what the pod said last; when the cause is gone, change the spec of the pool or run kubectl delete job -n ${namespace} ${poolChild.job(name)}, and another pod is made`,
      };
    }
    return {
      happened,
      doing: 'its jobs wait; Kubernetes tries again, and they go on from their checkpoints',
      change: `run ${lookAt(pool, 'describe pods')} to see what holds the pod back`,
    };
  },
  Running: (pool) => ({
    happened: trainsWords(pool),
    doing:
      (packedOf(pool)?.waiting ?? 0) === 0
        ? 'no action is needed'
        : 'those that wait begin when others have ended',
    change:
      (packedOf(pool)?.waiting ?? 0) === 0
        ? ''
        : 'raise spec.jobs or the memory of the pool, or wait; either makes a new pod, which goes on from the checkpoints',
  }),
};

const untold: Words = ({ unread }) => ({
  happened: unread?.message ?? 'the operator has not told of its pod yet',
  doing: '',
  change: '',
});

function readyMessage(pool: Pool): string {
  return poolCondition(pool, 'Ready')?.message ?? '';
}

function trainsWords(pool: Pool): string {
  const { training, total } = packedOf(pool) ?? { training: 0, total: 0 };
  const places = placesOf(pool);
  const most = places === undefined ? '' : `; it has places for ${places}`;
  const verb = training === 1 ? 'trains' : 'train';
  const some =
    total > 1
      ? `${training} of its ${total} jobs ${verb}`
      : `its job ${training === 1 ? 'trains' : 'does not train yet'}`;
  return `${some}, on the base ${modelOf(pool)}${most}`;
}

/** Of the pod, for kubectl. */
function lookAt({ name, namespace }: Pool, verb: string): string {
  return `kubectl ${verb} -n ${namespace} -l ${label.poolName}=${name}`;
}

/** A pool may have hundreds of jobs that wait. */
const mostJobs = 8;

function jobLines({ status: { jobs = [] } }: Pool): readonly string[] {
  const failed = jobs.filter(({ state }) => state === 'Failed');
  const namesOf = (wanted: PackedJobStatus['state']) =>
    jobs.filter(({ state }) => state === wanted).map(({ name }) => name);
  const more = failed.length - mostJobs;
  return [
    ...failed.slice(0, mostJobs).map(({ name, code, message = '' }) => {
      return `job ${name} failed: ${message}${code === undefined ? '' : ` (${code})`}`;
    }),
    ...(more > 0 ? [`${more} more jobs failed`] : []),
    ...waitingLines(jobs),
    ...lineOf('not attached yet', namesOf('Attaching')),
    ...lineOf('saving and leaving', namesOf('Leaving')),
  ];
}

/** Those that wait for the same have one line. */
function waitingLines(jobs: readonly PackedJobStatus[]): readonly string[] {
  const waiting = jobs.filter(({ state }) => state === 'Waiting');
  const byMessage = Map.groupBy(waiting, ({ message = '' }) => message);
  const lines = [...byMessage].map(([message, of]) => {
    const names = listed(
      of.map(({ name }) => name),
      mostJobs,
    );
    return `${of.length === 1 ? `job ${names} waits` : `jobs ${names} wait`}: ${message}`;
  });
  const more = lines.length - mostJobs;
  return [
    ...lines.slice(0, mostJobs),
    ...(more > 0 ? [`${more} more wait for other reasons`] : []),
  ];
}

function lineOf(what: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`${what}: ${listed(names, mostJobs)}`];
}
