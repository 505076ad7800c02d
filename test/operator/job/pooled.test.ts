import test from 'ava';
import type { PackedJobStatus } from '../../../crds/api/training-pool.ts';
import { prepareDigest } from '../../../crds/plan/prepare-digest.ts';
import type { JobPoolFacts } from '../../../operator/job/facts.ts';
import { decided } from '../../builders/decided.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import { conditionsOf, quietSite, someFacts } from '../../builders/job-facts.ts';
import { aPool, packedSpec } from '../../builders/pool.ts';

const spec = packedSpec;

function told(state: PackedJobStatus['state'], more: Partial<PackedJobStatus> = {}): JobPoolFacts {
  const job = { name: 'first', uid: 'uid-of-job', state, ...more };
  return { type: 'There', spec: aPool().spec, waits: undefined, told: job };
}

const there: JobPoolFacts = {
  ...{ type: 'There', spec: aPool().spec, waits: undefined, told: undefined },
};

function facts(pool: JobPoolFacts, changes: Changes = {}) {
  const asked = { ...spec, ...changes };
  const plan = { prepareSha256: prepareDigest(aSpec(asked)) };
  return someFacts({
    spec: asked,
    pool,
    status: { conditions: conditionsOf({ Initialized: 'Ready' }), plan },
  });
}

test('a job of a pool is prepared by a pod of its own, and has no workers', (t) => {
  const { words, phase } = decided(someFacts({ spec, pool: there }));
  t.true(words.includes('Create Job first-init-1'), words.join());
  t.is(phase, 'Initializing');
  const waiting = decided(facts(there));
  t.deepEqual(
    waiting.words.filter((word) => word.startsWith('Create')),
    [],
  );
  t.is(waiting.phase, 'Starting');
  t.is(waiting.is('Running'), 'False/WaitsForPool');
});

test('what the pool tells is what the job says', (t) => {
  const waits = decided(facts({ ...told('Attaching'), waits: '0/3 nodes' } as JobPoolFacts));
  t.is(waits.message('Running'), 'pool smol: 0/3 nodes');
  const full = decided(facts(told('Waiting', { message: '5 GiB are needed' })));
  t.is(full.phase, 'Queued');
  t.is(full.is('QuotaReserved'), 'False/NoPoolCapacity');
  t.regex(full.message('QuotaReserved') ?? '', /5 GiB are needed/);
  const after = facts(told('Training'));
  const training = decided({ ...after, job: { ...after.job, status: full.status } });
  t.is(training.phase, 'Running');
  t.is(training.is('QuotaReserved'), 'True/Admitted');
  t.is(decided(facts(told('Training'))).is('QuotaReserved'), undefined);
});

test('one that failed fails with its own words; one that trained is published by a pod of its own', (t) => {
  const failed = decided(facts(told('Failed', { code: 'E_DIVERGED', message: 'NaN' })));
  t.is(failed.phase, 'Failed');
  t.like(failed.status.failure, { code: 'E_DIVERGED', message: 'NaN' });
  const odd = decided(facts(told('Failed', { code: 'E_OF_A_LATER_VERSION' })));
  t.is(odd.status.failure?.code, 'E_INTERNAL');
  const trained = decided(facts(told('Trained', { reason: 'FinishedEarly' })));
  t.is(trained.is('Running'), 'False/FinishedEarly');
  t.true(trained.words.includes('Create Job first-publish-1'), trained.words.join());
});

test('a job is suspended when the pool has let it go', (t) => {
  const suspended = { suspend: true };
  t.is(decided(facts(told('Leaving'), suspended)).phase, 'Suspending');
  t.is(decided(facts(told('Training'), suspended)).phase, 'Suspending');
  t.is(decided(facts(there, suspended)).phase, 'Suspended');
});

test('a pool that is not there, or that the site does not run, is waited for', (t) => {
  const missing = decided(facts({ type: 'Missing' }));
  t.is(missing.phase, 'Pending');
  t.is(missing.is('Validated'), 'False/ReferenceNotFound');
  t.regex(missing.message('Validated') ?? '', /TrainingPool smol is not there/);
  t.regex(decided(facts({ type: 'Off' })).message('Validated') ?? '', /features\.trainingPools/);
});

test('a pool that is deleted keeps no result from being published', (t) => {
  const base = facts({ type: 'Missing' });
  const { status } = decided(facts(told('Trained', { reason: 'Finished' })));
  const { words } = decided({ ...base, job: { ...base.job, status } });
  t.true(words.includes('Create Job first-publish-1'), words.join());
});

for (const [why, changes, sentence] of [
  ['the base', { 'method.preset': 'Full' }, /trains weights of the base itself; jobs of a pool/],
  ['several workers', { 'worker.replicas': 2 }, /one place/],
  ['a model', { 'model.source': { huggingFace: { repository: 'a/b' } } }, /not that of pool smol/],
  [
    'a claim',
    { 'storage.data': { persistentVolumeClaim: { claimName: 'mine' } } },
    /spec\.storage\.data is claim mine; that of pool smol is claim work/,
  ],
  ['devices', { 'worker.devicesPerWorker': 1 }, /devicesPerWorker is 1; pool smol has 0/],
  ['resources', { 'worker.resources': { limits: { memory: '1Gi' } } }, /set it in the pool/],
] as const satisfies readonly (readonly [string, Changes, RegExp])[]) {
  test(`a job that asks for ${why} of its own cannot be in the pool, and says why`, (t) => {
    const site = { ...quietSite, refusesNotBuilt: true };
    const { phase, message } = decided({ ...facts(there, changes), site });
    t.is(phase, 'Failed');
    t.regex(message('Failed') ?? '', sentence);
  });
}
