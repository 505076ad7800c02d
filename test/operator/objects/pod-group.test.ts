import test from 'ava';
import { gangMembership, podGroup } from '../../../operator/objects/pod-group.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';

test('each scheduler gets its own spelling of one gang', (t) => {
  const job = aBuiltJob({ 'worker.priorityClassName': 'high' });
  const size = { workerRevision: 2, members: 3 };
  t.like(podGroup(job, 'Native', size), {
    metadata: { name: 'first-w2' },
    spec: { schedulingPolicy: { gang: { minCount: 3 } } },
  });
  t.deepEqual(podGroup(job, 'Coscheduling', size).spec, {
    minMember: 3,
    scheduleTimeoutSeconds: 600,
  });
  t.deepEqual(podGroup(job, 'Volcano', size).spec, { minMember: 3, priorityClassName: 'high' });
});

test('pods say to which gang they belong in the words of their scheduler', (t) => {
  const member = (flavour: Parameters<typeof gangMembership>[0]) =>
    gangMembership(flavour, 'g', someSettings);
  t.deepEqual(member(undefined), { labels: {}, annotations: {}, spec: {} });
  t.deepEqual(member('Native').spec, { schedulingGroup: { podGroupName: 'g' } });
  t.deepEqual(member('Coscheduling').labels, { 'scheduling.x-k8s.io/pod-group': 'g' });
  t.deepEqual(member('Volcano').annotations, { 'scheduling.k8s.io/group-name': 'g' });
  t.is(member('Volcano').spec.schedulerName, 'volcano');
});
