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

async function checked(
  intercept: (asked: Asked) => Answer | undefined,
  pods: readonly object[],
  nodes: readonly object[] = [],
) {
  await using cluster = await aCluster();
  for (const pod of pods) {
    cluster.server.objects.create(
      { collection: 'api/v1/pods', namespace: 'anneal-system' },
      pod as never,
    );
  }
  for (const node of nodes) {
    cluster.server.objects.create({ collection: 'api/v1/nodes', namespace: '' }, node as never);
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
    'Unused GPUs: no node offers nvidia.com/gpu; jobs train on processors',
  ]);
});

test('a server that does not answer is the only thing that is told', async (t) => {
  const lost = (): Answer => ({ type: 'Lost' });
  const checks = await checked(lost, []);
  t.is(checks.length, 1);
  t.regex(checks[0] ?? '', /^Warning cluster: the API server at .* does not answer/);
});

const gpuNode = (
  name: string,
  allocatable: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> = {},
) => ({ metadata: { name, labels }, status: { allocatable: { cpu: '8', ...allocatable } } });

test('GPUs of the nodes are told by resource, product and memory', async (t) => {
  const gpu = 'nvidia.com/gpu';
  const h100 = { [`${gpu}.product`]: 'NVIDIA-H100-80GB-HBM3', [`${gpu}.memory`]: '81559' };
  const mig = 'nvidia.com/mig-1g.10gb';
  const slice = { [`${mig}.product`]: 'NVIDIA-H100-MIG-1g.10gb', [`${mig}.memory`]: '9856' };
  const checks = await checked(
    good,
    [],
    [
      gpuNode('a', { [gpu]: '8' }, h100),
      gpuNode('b', { [gpu]: '8' }, h100),
      gpuNode('c', { [gpu]: '2' }, { [`${gpu}.memory`]: 'much' }),
      gpuNode('d', { [gpu]: '0', [mig]: '7' }, slice),
      gpuNode('e', {}),
    ],
  );
  t.deepEqual(checks.slice(-2), [
    'Warning GPUs: nvidia.com/gpu: 16 × NVIDIA H100 80GB HBM3 of 79.6 GiB on 2 nodes, 2 × device of unknown memory on 1 node',
    'Passed GPUs: nvidia.com/mig-1g.10gb: 7 × NVIDIA H100 MIG 1g.10gb of 9.6 GiB on 1 node',
  ]);
});

test('nodes that may not be listed are no failure', async (t) => {
  const forbidden = (asked: Asked): Answer | undefined =>
    asked.path.startsWith('/api/v1/nodes')
      ? { status: 403, body: { kind: 'Status', message: 'nodes is forbidden', code: 403 } }
      : good(asked);
  const checks = await checked(forbidden, []);
  t.regex(checks.at(-1) ?? '', /^Unused GPUs: not known: .*forbidden/);
});
