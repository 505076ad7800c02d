import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import { readKubeconfig } from '../../../cli/client/kubeconfig.ts';
import { clusterChecks } from '../../../cli/doctor/cluster-checks.ts';
import type { Answer, Asked } from '../../doubles/kube/server.ts';
import { aCluster } from '../cluster.ts';

const ready = (component: string) => ({
  metadata: {
    name: component,
    labels: { 'app.kubernetes.io/name': 'anneal', 'app.kubernetes.io/component': component },
  },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});

async function checked(intercept: (asked: Asked) => Answer | undefined, pods: readonly object[]) {
  await using cluster = await aCluster();
  for (const pod of pods) {
    cluster.server.objects.create(
      { collection: 'api/v1/pods', namespace: 'anneal-system' },
      pod as never,
    );
  }
  cluster.server.intercept = intercept;
  const asked = { file: cluster.kubeconfig, defaults: [], context: undefined };
  await using kube = new Kube(await readKubeconfig(asked), 5_000);
  const facts = {
    kube,
    contextName: 'prod',
    namespace: 'team-a',
    systemNamespace: 'anneal-system',
  };
  const checks = await clusterChecks(facts, new AbortController().signal);
  return checks.map(({ name, state, observed }) => `${state} ${name}: ${observed}`);
}

const good = ({ path, body }: Asked): Answer | undefined => {
  if (path === '/version') return { status: 200, body: { gitVersion: 'v1.37.0' } };
  if (path.endsWith('/v1alpha1')) return { status: 200, body: {} };
  if (!path.endsWith('selfsubjectaccessreviews')) return undefined;
  const { verb } = (body!['spec'] as { resourceAttributes: { verb: string } }).resourceAttributes;
  return { status: 201, body: { status: { allowed: verb !== 'delete' } } };
};

test('each thing that a cluster needs is looked at, and what is missing has its name', async (t) => {
  t.deepEqual(await checked(good, [ready('operator')]), [
    'Passed cluster: context prod, server v1.37.0',
    'Passed definition: finetunejobs.anneal.dev v1alpha1',
    'Warning rights: you may not delete jobs in team-a',
    'Passed operator: 1 of 1 pods ready in anneal-system',
    'Warning bus: 0 of 0 pods ready in anneal-system',
  ]);
});

test('a server that does not answer is the only thing that is told', async (t) => {
  const lost = (): Answer => ({ type: 'Lost' });
  const checks = await checked(lost, []);
  t.is(checks.length, 1);
  t.regex(checks[0] ?? '', /^Warning cluster: the API server at .* does not answer/);
});
