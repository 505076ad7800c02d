// Pools as the command line finds them: with the status that the operator writes of them.
import type { ToldJob } from '../../crds/wire/pool.ts';
import { batchJobs } from '../../operator/job/observed/batch-job.ts';
import { decidePool, type PoolFacts } from '../../operator/pool/decide.ts';
import type { Tree } from '../doubles/kube/patches.ts';
import { aPool, listedJob, toldJob, writtenPool } from './pool.ts';

interface ToldOf extends Partial<Omit<PoolFacts, 'pool' | 'asking' | 'told'>> {
  readonly told?: readonly ToldJob[] | undefined;
  /** Names of the jobs that ask. */
  readonly asking?: readonly string[];
  readonly spec?: Tree;
  readonly metadata?: object;
}

/** An object of the API server. */
export function aToldPool(name: string, asked: ToldOf = {}): Tree & { readonly status: object } {
  const { asking = ['support', 'sales'], spec = {}, metadata = {}, ...rest } = asked;
  const { told = asking.map((one) => toldJob(one, 'Training')), ...facts } = rest;
  const isTold = !('told' in rest) || rest.told !== undefined;
  const jobs = asking.map(listedJob);
  const { status } = decidePool({
    ...{ job: aPoolJob(1), pods: [], left: [], generations: new Map(), refused: undefined, now: 0 },
    ...facts,
    told: isTold ? { jobs: [...told] } : undefined,
    ...{ pool: aPool(spec), asking: jobs },
  });
  const { spec: written } = writtenPool(spec);
  const at = { name, namespace: 'team', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 };
  return { metadata: { ...at, uid: `uid-of-${name}`, ...metadata }, spec: written as Tree, status };
}

/** The Job of a pool, of one generation of it. */
function aPoolJob(generation: number, status: Tree = {}) {
  return batchJobs.read({
    metadata: {
      ...{ name: 'smol-pool', namespace: 'team', uid: 'uid-2', resourceVersion: '1' },
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { 'anneal.dev/generation': String(generation) },
    },
    ...{ spec: {}, status },
  });
}

const failed = {
  conditions: [
    { type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'no device' },
  ],
};
const memory = 'it needs 3.1 GiB beside the others, and 1.2 GiB are free';
const outOf: Partial<ToldJob> = { code: 'E_NON_FINITE_LOSS', message: 'the loss of step 7 is NaN' };

/** One of each state, the healthy one first. */
export function oneOfEachPoolState(): readonly object[] {
  const many = Array.from({ length: 12 }, (_, index) => `job-${index}`);
  return [
    aToldPool('running'),
    aToldPool('mixed', {
      asking: ['support', 'sales', 'legal', 'ops'],
      told: [
        toldJob('support', 'Training'),
        toldJob('sales', 'Waiting', { message: memory }),
        toldJob('legal', 'Failed', outOf),
        toldJob('gone', 'Leaving'),
      ],
      spec: { jobs: 3 },
    }),
    aToldPool('full', {
      asking: many,
      told: many.slice(0, 2).map((one) => toldJob(one, 'Training')),
      spec: { jobs: 2 },
    }),
    aToldPool('idle', { asking: [], told: [], job: undefined }),
    aToldPool('starting', { told: undefined }),
    aToldPool('replacing', { job: aPoolJob(0), told: undefined }),
    aToldPool('failing', { job: aPoolJob(1, failed), told: undefined }),
    aToldPool('refused', {
      refused: {
        reason: 'NameConflict',
        message:
          'ConfigMap refused-pool-jobs belongs to someone else; the pool needs the name for a child of its own',
      },
    }),
    aToldPool('deleting', { metadata: { deletionTimestamp: '2026-01-01T00:30:00Z' } }),
    { ...aToldPool('pending'), status: undefined },
    { ...aToldPool('unreadable'), status: { conditions: 'none', summary: '1/2' } },
  ];
}
