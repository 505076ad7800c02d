// `anneal why` of jobs whose status says that all is well while nobody acts on them, or while the
// cluster makes no pods.
import test from 'ava';
import type { Tree } from '../../doubles/kube/patches.ts';
import { aCluster } from '../cluster.ts';

type Cluster = Awaited<ReturnType<typeof aCluster>>;

const running = { phase: 'Running', progress: { step: 118, totalSteps: 300 } };
const starting = { phase: 'Starting', workers: { replicas: 0, ready: 0 } };

function put({ server }: Cluster, collection: string, namespace: string, name: string, body: Tree) {
  server.objects.create({ collection, namespace }, { metadata: { name, namespace }, ...body });
}

function leaseOf(cluster: Cluster, renewTime: string, name = 'anneal-operator') {
  const spec = { holderIdentity: 'one', renewTime };
  put(cluster, 'apis/coordination.k8s.io/v1/leases', 'anneal-system', name, { spec });
}

const refusal =
  'Error creating: pods "halo-w1-0-" is forbidden: error looking up service account team-a/nobody: serviceaccount "nobody" not found';

function workerJob(cluster: Cluster, status: Tree) {
  const uid = (cluster.get('halo')!['metadata'] as { uid: string }).uid;
  const metadata = {
    ...{ name: 'halo-w1', namespace: 'team-a', creationTimestamp: '2026-01-01T00:00:00Z' },
    labels: { 'anneal.dev/job-uid': uid },
  };
  const spec = { parallelism: 1, completions: 1 };
  put(cluster, 'apis/batch/v1/jobs', 'team-a', 'halo-w1', { metadata, spec, status });
  const event = { type: 'Warning', reason: 'FailedCreate', note: refusal };
  put(cluster, 'apis/events.k8s.io/v1/events', 'team-a', 'halo-w1.1', event);
}

test('why of a job that trains says that the lease was not renewed for hours', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  leaseOf(cluster, '2026-01-01T00:00:00.000000Z');
  const { code, out } = await cluster.anneal('why', 'halo');
  t.is(code, 0);
  t.regex(
    out,
    /No operator acts on the job: its lease anneal-system\/anneal-operator was last\s+renewed \d+ days ago\./,
  );
  t.notRegex(out, /Nothing needs to be done/);
  const described = await cluster.anneal('describe', 'halo');
  t.regex(described.out, /No operator acts on the job/);
});

test('a lease that is renewed leaves the words of the status', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  leaseOf(cluster, new Date(Date.now()).toISOString());
  t.regex((await cluster.anneal('why', 'halo')).out, /It trains: step 118 of 300\.\nNo action/);
});

test('an uninstalled operator without a lease, and one that may not be seen', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  t.regex((await cluster.anneal('why', 'halo')).out, /there is no lease/);
  cluster.server.intercept = ({ path }) =>
    path.includes('/leases/')
      ? { status: 403, body: { message: 'leases is forbidden' } }
      : undefined;
  const { code, out } = await cluster.anneal('why', 'halo');
  t.is(code, 0);
  t.regex(out, /^halo .*\nIt trains: step 118 of 300\./);
});

test('the words by which the cluster refuses pods are told, while there are none', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: starting });
  leaseOf(cluster, new Date(Date.now()).toISOString());
  workerJob(cluster, { active: 0 });
  const { out } = await cluster.anneal('why', 'halo');
  t.regex(out, /The cluster creates no pods for Job halo-w1: error looking up service account\s/);
  t.regex(out, /spec\.worker\.serviceAccountName/);
  const asked = cluster.server.seen.find(({ path }) => path.endsWith('/events'));
  t.regex(asked?.query.get('fieldSelector') ?? '', /^regarding\.uid=/);
});

test('a refusal that is over is not told', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  leaseOf(cluster, new Date(Date.now()).toISOString());
  workerJob(cluster, { active: 1 });
  t.regex((await cluster.anneal('why', 'halo')).out, /It trains: step 118/);
});
