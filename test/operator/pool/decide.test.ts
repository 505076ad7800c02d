import test from 'ava';
import type { ToldJob } from '../../../crds/wire/pool.ts';
import type { BatchJob } from '../../../operator/job/observed/batch-job.ts';
import { batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { pods } from '../../../operator/job/observed/pod.ts';
import { decidePool, type PoolFacts } from '../../../operator/pool/decide.ts';
import { aPool, aPoolPod, listedJob, toldJob } from '../../builders/pool.ts';

const [one, two, three] = [listedJob('one'), listedJob('two'), listedJob('three')];

interface Differs extends Partial<Omit<PoolFacts, 'told'>> {
  readonly told?: readonly ToldJob[];
}

function someFacts({ told, ...changes }: Differs = {}): PoolFacts {
  return {
    ...{
      pool: aPool(),
      asking: [one, two],
      generations: new Map(),
      job: undefined,
      pods: [],
      left: [],
    },
    told: told && { jobs: [...told] },
    ...{ refused: undefined, now: Date.parse('2026-01-01T12:00:00Z') },
    ...changes,
  };
}

function aJob(generation = 1, more: object = {}): BatchJob {
  const annotations = { 'anneal.dev/generation': String(generation) };
  const metadata = { name: 'smol-pool', namespace: 'team', uid: 'uid-2', resourceVersion: '1' };
  return batchJobs.read({
    metadata: { ...metadata, annotations, creationTimestamp: '2026-01-01T12:00:00Z', ...more },
    spec: {},
  });
}

function ready({ status }: ReturnType<typeof decidePool>) {
  const found = status.conditions?.find(({ type }) => type === 'Ready');
  return found && [found.status, found.reason];
}

test('a pool has a pod while jobs ask for it, and none otherwise', (t) => {
  t.is(decidePool(someFacts()).step, 'Create');
  t.is(decidePool(someFacts({ asking: [] })).step, 'Keep');
  t.is(decidePool(someFacts({ job: aJob() })).step, 'Keep');
  t.is(decidePool(someFacts({ job: aJob(), asking: [] })).step, 'Remove');
  const told = [toldJob('one', 'Leaving')];
  t.is(decidePool(someFacts({ job: aJob(), asking: [], told })).step, 'Keep', 'it saves');
  const going = aJob(1, { deletionTimestamp: '2026-01-01T12:00:00Z' });
  t.is(decidePool(someFacts({ job: going, asking: [] })).step, 'Keep');
});

test('a spec that cannot be read is what its jobs wait for', (t) => {
  const decision = decidePool(someFacts({ pool: aPool({ jobs: 'all' }) }));
  t.is(decision.built, undefined);
  for (const { type, status, reason, message } of decision.status.conditions ?? []) {
    t.deepEqual([status, reason], ['False', 'InvalidSpec'], type);
    t.regex(message, /jobs/);
  }
  t.deepEqual(ready(decision), ['False', 'InvalidSpec']);
});

test('a pod of another spec goes first, and says nothing of the new one', (t) => {
  const told = [toldJob('one', 'Training')];
  const decision = decidePool(someFacts({ job: aJob(7), told }));
  t.is(decision.step, 'Remove');
  t.deepEqual(ready(decision), ['False', 'Replacing']);
  t.is(decision.status.jobs?.[0]?.state, 'Attaching');
});

test('the oldest jobs are listed, and the others wait with a sentence', (t) => {
  const pool = aPool({ jobs: 2 });
  const told = [toldJob('one', 'Training'), toldJob('two', 'Training')];
  const { list, status } = decidePool(
    someFacts({ pool, asking: [one, two, three], job: aJob(), told }),
  );
  t.deepEqual(list, { jobs: [one, two], leaving: [] });
  t.is(status.summary, '2/3');
  t.like(status.jobs?.[2], {
    ...{ name: 'three', state: 'Waiting' },
    message: '2 jobs train in the pool, which is what spec.jobs says',
  });
});

test('how a job ended is known while no pod tells, and is forgotten with the job', (t) => {
  const told = [toldJob('one', 'Trained', { reason: 'Finished' }), toldJob('two', 'Training')];
  const { status } = decidePool(someFacts({ job: aJob(), told }));
  const lost = decidePool(someFacts({ pool: aPool({}, status), job: aJob() }));
  t.like(lost.status.jobs?.[0], { name: 'one', state: 'Trained', reason: 'Finished' });
  t.is(lost.status.jobs?.[1]?.state, 'Attaching');
  const after = decidePool(someFacts({ pool: aPool({}, status), asking: [two], job: aJob() }));
  t.deepEqual(
    after.status.jobs?.map(({ name }) => name),
    ['two'],
  );
});

test('one that has been taken from the list is told until it has left', (t) => {
  const before = decidePool(someFacts()).status;
  const told = [toldJob('one', 'Training'), toldJob('two', 'Leaving')];
  const facts = someFacts({ pool: aPool({}, before), asking: [one], job: aJob(), told });
  t.like(decidePool(facts).status.jobs?.[1], { name: 'two', state: 'Leaving' });
});

test('no pod is made beside one of a Job that was deleted', (t) => {
  const decision = decidePool(someFacts({ left: [aPoolPod('Running')] }));
  t.is(decision.step, 'Keep');
  t.deepEqual(ready(decision), ['False', 'Replacing']);
  t.is(
    decision.status.conditions?.at(-1)?.message,
    'pod smol-pool-1 was made before and has yet to end',
  );
});

test('why its pod is not ready is told', (t) => {
  t.deepEqual(ready(decidePool(someFacts({ asking: [] }))), ['False', 'NoJobs']);
  t.deepEqual(ready(decidePool(someFacts())), ['False', 'Pending']);
  t.deepEqual(ready(decidePool(someFacts({ job: aJob() }))), ['False', 'Starting']);
  t.deepEqual(ready(decidePool(someFacts({ job: aJob(), told: [] }))), ['True', 'Ready']);
  const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes' }];
  const metadata = { name: 'p', namespace: 'team', uid: 'u', resourceVersion: '1' };
  const pod = pods.read({
    metadata: { ...metadata, creationTimestamp: '2026-01-01T12:00:00Z' },
    status: { phase: 'Pending', conditions },
  });
  t.deepEqual(ready(decidePool(someFacts({ job: aJob(), pods: [pod] }))), [
    'False',
    'Unschedulable',
  ]);
  const refused = { reason: 'NameConflict', message: 'taken' };
  t.deepEqual(ready(decidePool(someFacts({ refused }))), ['False', 'NameConflict']);
});

test('what the pod before said last is told while the next one starts', (t) => {
  const metadata = { namespace: 'team', uid: 'u', resourceVersion: '1' };
  const [older, newer] = ['first\nold words\n', 'the pod has no device to train on'].map(
    (message, at) =>
      pods.read({
        metadata: { ...metadata, name: `p${at}`, creationTimestamp: `2026-01-01T12:0${at}:00Z` },
        status: {
          phase: 'Failed',
          containerStatuses: [{ name: 'pool', state: { terminated: { exitCode: 78, message } } }],
        },
      }),
  );
  const said = (of: PoolFacts['pods']) =>
    decidePool(someFacts({ job: aJob(), pods: of })).status.conditions?.at(-1)?.message;
  t.is(
    said([newer!, older!]),
    'its pod starts; the one before said: the pod has no device to train on',
  );
  t.is(said([older!]), 'its pod starts; the one before said: old words');
});

test('a spec that cannot be read makes nothing', (t) => {
  const { built, status } = decidePool(someFacts({ pool: aPool({ jobs: 99 }) }));
  t.is(built, undefined);
  t.like(status.conditions?.[0], { type: 'Accepted', status: 'False', reason: 'InvalidSpec' });
});
