import test from 'ava';
import { decided } from '../../builders/decided.ts';
import { aChildJob, conditionsOf, quietSite, training } from '../../builders/job-facts.ts';

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
