import test from 'ava';
import { decided } from '../../builders/decided.ts';
import {
  aChildJob,
  anInitJob,
  aPodOf,
  aPublishJob,
  conditionsOf,
  ended,
  now,
  quietSite,
  someFacts,
  training,
} from '../../builders/job-facts.ts';

const spec = { 'scheduling.queueName': 'research' };
const site = { ...quietSite, hasQueues: true };
const held = (changes = {}) =>
  training({
    spec,
    site,
    pods: [],
    workers: [aChildJob({ suspended: true, active: 0 }, spec)],
    ...changes,
  });

test('a Job that the queue holds back is queued, in the queue’s words', (t) => {
  const queue = {
    workload: 'job-first-w1',
    reason: 'Pending',
    message: 'insufficient quota for gpu',
  };
  const { phase, is, message, status, words } = decided(held({ queue }));
  t.is(phase, 'Queued');
  t.is(is('QuotaReserved'), 'False/Pending');
  t.is(message('QuotaReserved'), 'waiting in queue research: insufficient quota for gpu');
  t.deepEqual(status.queue, { name: 'research', workload: 'job-first-w1', reason: queue.message });
  t.false(words.some((word) => word.startsWith('Resize') || word.startsWith('Delete')));
});

test('an admitted Job starts', (t) => {
  const { is, phase } = decided(training({ spec, site, workers: [aChildJob({}, spec)] }));
  t.is(is('QuotaReserved'), 'True/Admitted');
  t.is(phase, 'Running');
});

test('a Job that was admitted and is held back again was preempted, which costs no restart', (t) => {
  const status = { conditions: conditionsOf({ QuotaReserved: 'Admitted' }) };
  const first = decided(held({ status }));
  t.is(first.is('QuotaReserved'), 'False/Preempted');
  t.is(first.is('Running'), 'False/Stopped');
  t.is(first.status.restarts?.counted, undefined);
  const facts = held({ status });
  const second = decided({ ...facts, job: { ...facts.job, status: first.status } });
  t.is(second.is('QuotaReserved'), 'False/Preempted');
});

test('waiting in a queue does not count against the deadline of a job', (t) => {
  const { status } = decided(held());
  t.is(status.activeSince, undefined);
  t.is(status.activeSeconds, 3600);
});

test('a queue without a controller is told', (t) => {
  const { is } = decided(held({ site: quietSite }));
  t.is(is('QuotaReserved'), 'False/QueueControllerMissing');
});

test('a preparation that the queue holds back is queued, and one that it admits is not', (t) => {
  const facts = (suspended: boolean) =>
    someFacts({ spec, site, inits: [anInitJob({ suspended, active: suspended ? 0 : 1 })] });
  const waits = decided(facts(true));
  t.is(waits.phase, 'Queued');
  t.is(waits.is('QuotaReserved'), 'False/Pending');
  t.is(waits.is('Initialized'), 'False/Pending');
  t.is(waits.message('Initialized'), 'waiting in queue research');
  const runs = decided({ ...facts(false), job: { ...facts(false).job, status: waits.status } });
  t.is(runs.phase, 'Initializing');
  t.is(runs.is('QuotaReserved'), 'True/Admitted');
});

test('workers that wait after a preparation that was admitted were not preempted', (t) => {
  const done = { type: 'Complete', at: now, reason: '', message: '' } as const;
  const status = { conditions: conditionsOf({ QuotaReserved: 'Admitted' }) };
  const created = decided(
    someFacts({
      ...{ spec, site, status },
      inits: [anInitJob({ outcome: done })],
      pods: [aPodOf({ component: 'init', ...ended(0) })],
    }),
  );
  t.true(created.words.includes('Create Job first-w1'));
  t.is(created.is('QuotaReserved'), 'False/Pending');
  t.is(created.phase, 'Queued');
  const facts = held({ status: created.status });
  t.is(decided(facts).is('QuotaReserved'), 'False/Pending');
});

const finished = { status: { conditions: conditionsOf({ Running: '!Finished' }) } };

test('what publishes waits in its own queue where it has one, and training stays ended', (t) => {
  const scheduling = { 'scheduling.auxiliaryQueueName': 'small' };
  const job = aPublishJob({ suspended: true, active: 0 });
  const facts = training({ ...finished, spec: scheduling, site, publishes: [job] });
  const { phase, is, message } = decided(facts);
  t.is(phase, 'Publishing');
  t.is(is('Published'), 'False/Pending');
  t.is(message('QuotaReserved'), 'waiting in queue small');
  t.is(is('Running'), 'False/Finished');
});

for (const [what, facts] of [
  ['prepares', someFacts({ inits: [anInitJob({ suspended: true, active: 0 })] })],
  ['trains', training({ pods: [], workers: [aChildJob({ suspended: true, active: 0 })] })],
  [
    'publishes',
    training({ ...finished, publishes: [aPublishJob({ suspended: true, active: 0 })] }),
  ],
] as const) {
  test(`a Job that ${what} and that somebody else suspended is told by name`, (t) => {
    const { is, message, wakeAt } = decided(facts);
    t.is(is('Stalled'), 'True/SuspendedElsewhere');
    t.regex(message('Stalled') ?? '', /^Job first-\S+ was suspended by somebody else; .*queueName/);
    t.is(is('Failed'), undefined);
    t.is(wakeAt, undefined, 'the Job tells when it goes on');
  });
}

test('publishing counts against the deadline of a job, and ends with it', (t) => {
  const spec = { activeDeadlineSeconds: 3_700 };
  const publishes = [aPublishJob()];
  const facts = training({ ...finished, spec, publishes });
  t.is(decided(facts).wakeAt, now + 100_000);
  t.is(decided(facts).is('Failed'), undefined);
  const late = decided({ ...facts, now: now + 100_000 });
  t.is(late.is('Failed'), 'True/DeadlineExceeded');
});
