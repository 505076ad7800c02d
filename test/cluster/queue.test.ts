// Kueue itself does not run here. Its part is played by the test: the writes that its documentation names, to the worker Job and to a Workload,
// on a real API server with a real Job controller.
import { aJobIn, is, messageOf } from './a-job.ts';
import { getJson, installCrd, kubectl } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

const group = 'kueue.x-k8s.io';
const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** As much of Kueue's own definition as the operator looks at. */
const definition = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: { name: `workloads.${group}` },
  spec: {
    ...{ group, scope: 'Namespaced', names: { kind: 'Workload', plural: 'workloads' } },
    versions: [
      {
        ...{ name: 'v1beta1', served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: anything },
      },
    ],
  },
};

test.before(async () => {
  await installCrd();
  await loadToyImage();
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(definition) });
  await kubectl(['wait', '--for=condition=Established', `crd/workloads.${group}`, '--timeout=60s']);
});

test.after.always(async () => {
  await kubectl(['delete', 'crd', `workloads.${group}`, '--wait=false'], { mayFail: true });
});

test('a queue holds workers back, admits them, takes its quota back and admits them again', async (t) => {
  const queued = { 'spec.scheduling.queueName': 'research' };
  const job = await aJobIn(t, { supervise: { seconds: 900 } }, queued);
  const of = ['-n', job.namespace];
  await startOperator(t, job.namespace, { ANNEAL_FEATURES: 'kueueStatus' });
  await job.apply();
  await job.untilPhase('Queued');
  const held = await getJson(...of, 'job', 'first-w1');
  const { labels, uid } = held['metadata'] as { labels: Record<string, string>; uid: string };
  t.is(labels[`${group}/queue-name`], 'research');
  t.like(held['spec'], { suspend: true });

  const words = "couldn't assign flavors to pod set main: insufficient quota for cpu";
  const workload = {
    ...{ apiVersion: `${group}/v1beta1`, kind: 'Workload' },
    metadata: {
      ...{ name: 'job-first-w1-12345', namespace: job.namespace },
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'Job', name: 'first-w1', uid, controller: true },
      ],
    },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(workload) });
  const pending = {
    conditions: [{ type: 'QuotaReserved', status: 'False', reason: 'Pending', message: words }],
  };
  await patch([...of, 'workload', 'job-first-w1-12345', '--subresource=status'], {
    status: pending,
  });
  await job.until('its words are told', (now) => messageOf(now, 'QuotaReserved').includes(words));

  // Admission: both in one write, which a suspended Job allows.
  const admitted = (suspend: boolean) => ({
    spec: { suspend, template: { spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } } } },
  });
  await patch([...of, 'job', 'first-w1'], admitted(false));
  await job.untilPhase('Running');
  t.is(is(await job.status(), 'QuotaReserved'), 'True/Admitted');

  // Preemption.
  await patch([...of, 'job', 'first-w1'], { spec: { suspend: true } });
  await job.untilPhase('Queued');
  t.is(is(await job.status(), 'QuotaReserved'), 'False/Preempted');
  await patch([...of, 'job', 'first-w1'], { spec: { suspend: false } });
  await job.untilPhase('Running');
  const { workerEpoch, restarts } = await job.status();
  t.is(workerEpoch, 1);
  t.is(restarts?.counted, undefined, 'a preemption costs no restart');
  // What the queue wrote is the queue's: nothing of it was written over.
  t.like(await getJson(...of, 'job', 'first-w1'), admitted(false));
});

function patch(target: readonly string[], change: object) {
  return kubectl(['patch', ...target, '--type=merge', '-p', JSON.stringify(change)]);
}
