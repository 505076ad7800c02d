import test from 'ava';
import type { PodFacts } from '../../../operator/job/facts.ts';
import { decided } from '../../builders/decided.ts';
import {
  aBus,
  aChildJob,
  aPodOf,
  aPublishJob,
  conditionsOf,
  ended,
  seconds,
  someFacts,
  training,
  trainingStatus,
} from '../../builders/job-facts.ts';

const spec = { suspend: true };
const ack = {
  v: 1,
  podUID: 'u',
  opened: false,
  restored: true,
  saved: 0,
  stoppedStep: 7,
  finished: false,
} as const;

test('a job that is created suspended does nothing but say so', (t) => {
  const { phase, words, is } = decided(someFacts({ spec }));
  t.is(phase, 'Suspended');
  t.is(is('Suspended'), 'True/SuspendedByUser');
  t.is(is('Validated'), 'True/Resolved');
  t.deepEqual(words, []);
});

test('workers are asked to save, removed when all have, and stay away', (t) => {
  const facts = training({ spec, bus: aBus() });
  const saving = decided(facts);
  t.is(saving.phase, 'Suspending');
  t.deepEqual(saving.words, ['WriteDesired Save workers=1 save=0']);
  t.is(saving.wakeAt, seconds(600));
  const job = { ...facts.job, status: saving.status };
  const removing = decided({ ...facts, job, bus: aBus({ acks: new Map([[0, ack]]) }) });
  t.deepEqual(removing.words, ['Delete Job first-w1']);
  t.false(
    removing.events.some(({ type }) => type === 'Warning'),
    'all is saved',
  );
  t.is(removing.status.workerRevision, 2);
  t.is(removing.is('Running'), 'False/Stopped');
  const after = { ...facts, job: { ...job, status: removing.status } };
  t.is(decided(after).phase, 'Suspending', 'the Job is still seen');
  const gone = decided({ ...after, workers: [], pods: [] });
  t.is(gone.phase, 'Suspended');
  t.deepEqual(gone.words, []);
});

test('a job is not suspended before the last of its pods has ended', (t) => {
  const status = trainingStatus({ workerRevision: 2, jobRef: undefined });
  const withPods = (leftPods: readonly PodFacts[]) =>
    decided(someFacts({ spec, status, leftPods }));
  const running = withPods([aPodOf(), aPodOf({ name: 'first-w1-1-y', index: 1 })]);
  t.is(running.phase, 'Suspending');
  t.is(running.is('Suspended'), 'Unknown/Suspending');
  t.regex(running.message('Suspended') ?? '', /pod \S+ and 1 more have yet to end/);
  t.is(running.is('Running'), 'False/Stopped');
  t.is(withPods([aPodOf({ isDeleting: true })]).phase, 'Suspending', 'in its grace period');
  t.is(withPods([aPodOf(ended(0))]).phase, 'Suspended');
  const lost = withPods([aPodOf({ isDeleting: true, nodeUnreachable: true })]);
  t.is(lost.phase, 'Suspended', 'what a lost node has may stay for ever');
  t.is(withPods([aPodOf({ nodeUnreachable: true })]).phase, 'Suspending', 'it may come back');
});

test('the time to save runs from the first asking, and is not begun anew', (t) => {
  const facts = training({ spec, bus: aBus() });
  const status = decided(facts).status;
  const later = { ...facts, job: { ...facts.job, status } };
  t.is(decided({ ...later, now: seconds(599) }).wakeAt, seconds(600));
  const late = decided({ ...later, now: seconds(600) });
  t.deepEqual(late.words, ['Delete Job first-w1']);
  const warning = late.events.find(({ type }) => type === 'Warning');
  t.is(warning?.reason, 'NotSaved');
  t.regex(warning?.note ?? '', /steps since the last checkpoint are done again/);
  const checkpoint = { stepsAtRisk: 7 };
  const known = { ...later, job: { ...facts.job, status: { ...status, checkpoint } } };
  const { events } = decided({ ...known, now: seconds(600) });
  t.regex(events.find(({ type }) => type === 'Warning')?.note ?? '', /; 7 steps are done again/);
});

test('a job that is suspended a second time has as much time to save', (t) => {
  const conditions = conditionsOf({
    Suspended: '!Resumed',
    Running: 'Training',
    PodsReady: 'Ready',
  });
  const { words, wakeAt } = decided(training({ spec, bus: aBus(), status: { conditions } }));
  t.deepEqual(words, ['WriteDesired Save workers=1 save=0']);
  t.is(wakeAt, seconds(600));
});

test('workers whose queue took the quota back have stopped already', (t) => {
  const workers = [aChildJob({ suspended: true })];
  t.deepEqual(decided(training({ spec, bus: aBus(), workers })).words, ['Delete Job first-w1']);
});

test('conditions that were false before keep their reason', (t) => {
  const status = trainingStatus({
    ...{ workerRevision: 2, jobRef: undefined },
    conditions: conditionsOf({ PodsReady: '!Preempted', Running: '!WaitingForMembers' }),
  });
  const { is } = decided(someFacts({ spec, status }));
  t.is(is('Running'), 'False/WaitingForMembers');
  t.is(is('PodsReady'), 'False/Preempted');
});

test('without a bus, and with a bus that is away, workers get SIGTERM and their grace period', (t) => {
  t.deepEqual(decided(training({ spec })).words, ['Delete Job first-w1']);
  const bus = { type: 'Away', since: seconds(-5) } as const;
  t.deepEqual(decided(training({ spec, bus })).words, ['Delete Job first-w1']);
});

test('workers that have not joined a rendezvous have nothing to save', (t) => {
  const { words } = decided(training({ spec, bus: aBus({ state: undefined }) }));
  t.deepEqual(words, ['Delete Job first-w1']);
});

test('a worker Job of a half-done stop is removed, not started', (t) => {
  const status = trainingStatus({ workerRevision: 2, jobRef: undefined });
  const { words, phase } = decided(someFacts({ spec, status, workers: [aChildJob()] }));
  t.deepEqual(words, ['Delete Job first-w1']);
  t.is(phase, 'Suspending');
});

test('a gang of workers that are gone is removed', (t) => {
  const status = trainingStatus({ workerRevision: 2, jobRef: undefined });
  const group = { kind: 'PodGroup', name: 'first-w1', uid: 'g', content: undefined } as const;
  const { words, phase } = decided(someFacts({ spec, status, children: [group] }));
  t.deepEqual(words, ['Delete PodGroup first-w1']);
  t.is(phase, 'Suspended');
});

test('resuming starts the next revision', (t) => {
  const status = trainingStatus({
    ...{ workerRevision: 2, jobRef: undefined },
    conditions: conditionsOf({ Suspended: 'SuspendedByUser', Running: '!Stopped' }),
  });
  const { is, words, phase } = decided(someFacts({ status }));
  t.is(is('Suspended'), 'False/Resumed');
  t.true(words.includes('Create Job first-w2'));
  t.is(phase, 'Starting');
});

test('a suspended job still publishes what is trained', (t) => {
  const conditions = conditionsOf({ Running: '!Finished' });
  const facts = someFacts({
    spec,
    status: trainingStatus({ conditions }),
    publishes: [aPublishJob()],
  });
  t.is(decided(facts).phase, 'Publishing');
});
