import test from 'ava';
import { createMetrics } from '../../../operator/runtime/metrics.ts';

test('names that Go operators use are theirs, and ours begin with anneal_', async (t) => {
  const { registry } = createMetrics();
  const names = (await registry.getMetricsAsArray()).map(({ name }) => name);
  for (const name of [
    'workqueue_depth',
    'controller_runtime_reconcile_total',
    'rest_client_requests_total',
    'leader_election_master_status',
    'anneal_jobs',
  ])
    t.true(names.includes(name), name);
});

test('no metric has a label that could hold the name or UID of a job', async (t) => {
  const { registry } = createMetrics();
  const labels = (await registry.getMetricsAsArray()).flatMap(
    (metric) => (metric as unknown as { labelNames: string[] }).labelNames ?? [],
  );
  t.deepEqual(
    labels.filter((label) => /job|uid|pod|namespace/.test(label)),
    [],
  );
  t.true(labels.length > 10);
});
