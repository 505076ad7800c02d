// What stands in the way of a job, on a real cluster: objects of somebody else under the names of
// its children, accounts that are not there, quotas, specs that only the API server can judge. Each
// is told, waited for or ended; nothing of somebody else is touched.
import type { ExecutionContext } from 'ava';
import { fineTuneJobSpec } from '../../crds/api/job.ts';
import { childName } from '../../crds/names/child-names.ts';
import { writePlan } from '../../operator/job/plan.ts';
import { eventually } from '../doubles/eventually.ts';
import { aJobIn, is, messageOf } from './a-job.ts';
import { installCrd, kubectl } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

test.before(async () => {
  await installCrd();
  await loadToyImage();
});

const features = { ANNEAL_FEATURES: 'volumeClaimTemplate,deleteFinishedJobs' };

const apply = (object: object) => kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });

async function read(namespace: string, kind: string, name: string) {
  const { stdout } = await kubectl(['-n', namespace, 'get', kind, name, '-o', 'json']);
  return JSON.parse(stdout) as {
    metadata: { uid: string; resourceVersion: string; name: string; ownerReferences?: unknown[] };
    spec: { template?: object };
    data?: object;
  };
}

const pause = {
  ...{ image: 'localhost/pause:1', name: 'pause', command: ['/bin/pause'] },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
};
const theirPods = {
  containers: [pause],
  restartPolicy: 'Never',
  securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
};

/**
 * Their objects, by the kind of child whose name they have; with labels of ours, as somebody
 * hostile would give them.
 */
const theirs = {
  Service: ['v1', (job: string) => childName.service(job), { ports: [{ port: 80 }] }],
  NetworkPolicy: [
    'networking.k8s.io/v1',
    (job: string) => childName.workerPolicy(job),
    { podSelector: { matchLabels: { of: 'theirs' } }, policyTypes: ['Ingress'] },
  ],
  PersistentVolumeClaim: [
    'v1',
    (job: string) => childName.dataClaim(job),
    { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
  ],
  Job: [
    'batch/v1',
    (job: string) => childName.init(job, 1),
    { suspend: true, template: { spec: theirPods } },
  ],
} as const;

for (const [kind, [apiVersion, nameOf, spec]] of Object.entries(theirs)) {
  test(`a foreign ${kind} of the name of a child is named, left as it is, and waited for`, async (t) => {
    const job = await aJobIn(
      t,
      {},
      {
        'spec.network.headlessService': 'Enabled',
        // A network of its own: otherwise its pods share the policies of their namespace.
        'spec.network.egressCIDRs': ['192.0.2.0/24'],
        'spec.storage.data': { volumeClaimTemplate: { size: '1Gi', accessMode: 'ReadWriteMany' } },
      },
    );
    const { namespace } = job;
    const name = nameOf('first');
    const labels = { 'anneal.dev/job-name': 'first' };
    await apply({ apiVersion, kind, metadata: { name, namespace, labels }, spec });
    const before = await read(namespace, kind, name);
    await startOperator(t, namespace, features);
    await job.apply();
    await job.until('it is told', (now) => is(now, 'Stalled') === 'True/NameConflict');
    const said = messageOf(await job.status(), 'Stalled');
    t.is(
      said,
      `${kind} ${name} belongs to someone else; the job needs the name for a child of its own`,
    );
    const after = await read(namespace, kind, name);
    t.is(after.metadata.uid, before.metadata.uid);
    t.is(after.metadata.ownerReferences, undefined);
    // The cluster may have bound a claim meanwhile.
    t.deepEqual({ ...after.spec, volumeName: '' }, { ...before.spec, volumeName: '' });
    // It is deleted by its owner; the job continues by itself.
    await kubectl(['-n', namespace, 'delete', kind, name, '--timeout=60s']);
    await job.untilPhase('Succeeded');
    t.is(is(await job.status(), 'Stalled'), 'False/Moving');
  });
}

test('what is foreign stays when the job whose name it has is deleted', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.network.headlessService': 'Enabled' });
  const { namespace } = job;
  const [apiVersion, nameOf, spec] = theirs.Service;
  await apply({
    apiVersion,
    kind: 'Service',
    metadata: { name: nameOf('first'), namespace },
    spec,
  });
  await startOperator(t, namespace);
  await job.apply();
  await job.until('it is told', (now) => is(now, 'Stalled') === 'True/NameConflict');
  await kubectl(['-n', namespace, 'delete', 'ftj', 'first', '--timeout=60s']);
  // What the namespace shares stays for its next job.
  const own = async () =>
    (await job.names('networkpolicies')).filter((name) => !name.startsWith('anneal.dev.'));
  const areGone = async () => (await own()).length === 0;
  await eventually('our own children are gone', areGone, { withinMs: 120_000, everyMs: 500 });
  t.is((await read(namespace, 'Service', 'first')).metadata.name, 'first');
});

test('a foreign ConfigMap of the name of the plan is neither changed nor owned', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.suspend': true });
  const { namespace } = job;
  await startOperator(t, namespace);
  await job.apply();
  await job.untilPhase('Suspended');
  const { metadata, spec } = await read(namespace, 'ftj', 'first');
  const parsed = fineTuneJobSpec.parse(spec);
  const plan = writePlan({
    name: 'first',
    namespace,
    uid: metadata.uid,
    spec: parsed,
  });
  const name = childName.plan('first', plan.digest);
  const data = { 'plan.json': JSON.stringify({ spec: { worker: {} }, of: 'somebody else' }) };
  await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data });
  const before = await read(namespace, 'configmap', name);
  await job.patch({ suspend: false });
  await job.until('an init pod is made', async () => (await job.names('pods')).length > 0);
  const after = await read(namespace, 'configmap', name);
  t.deepEqual(after.data, data);
  t.is(after.metadata.resourceVersion, before.metadata.resourceVersion);
  t.is(after.metadata.ownerReferences, undefined);
});

test('a service account that is not there is told in the words of the cluster', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.worker.serviceAccountName': 'nobody' });
  await startOperator(t, job.namespace);
  await job.apply();
  await job.until('it is told', (now) => is(now, 'Stalled') === 'True/AdmissionDenied', 120);
  const status = await job.status();
  t.regex(
    messageOf(status, 'Stalled'),
    /^Job first-init-1 gets no pods: .*serviceaccount "nobody" not found/,
  );
  t.is(is(status, 'Initialized'), 'False/AdmissionDenied');
  await kubectl(['-n', job.namespace, 'create', 'serviceaccount', 'nobody']);
  await job.untilPhase('Succeeded');
});

const quotaOf = (namespace: string, hard: object) => ({
  ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'team', namespace } },
  spec: { hard },
});

test('a namespace with a quota on processor and memory and no LimitRange runs a job that names neither', async (t) => {
  const job = await aJobIn(t);
  const hard = { 'requests.cpu': '4', 'requests.memory': '8Gi', 'limits.memory': '64Gi' };
  await apply(quotaOf(job.namespace, hard));
  await startOperator(t, job.namespace);
  await job.apply();
  await job.untilPhase('Succeeded');
  t.is(is(await job.status(), 'Stalled'), undefined, 'nothing stood in its way');
});

test('a quota that is spent is told, and the job goes on when there is room', async (t) => {
  const job = await aJobIn(t);
  await apply(quotaOf(job.namespace, { 'requests.cpu': '10m' }));
  await startOperator(t, job.namespace);
  await job.apply();
  await job.until('it is told', (now) => is(now, 'Stalled') === 'True/QuotaExceeded', 120);
  t.regex(
    messageOf(await job.status(), 'Stalled'),
    /exceeded quota: team, requested: requests\.cpu=250m/,
  );
  await apply(quotaOf(job.namespace, { 'requests.cpu': '4' }));
  await job.untilPhase('Succeeded');
});

test('what only the API server knows to be wrong ends the job with its sentence', async (t) => {
  // A label key may have a long prefix, and its name sixty-three characters.
  const nodeSelector = { ['a'.repeat(64)]: 'b' };
  const job = await aJobIn(t, {}, { 'spec.worker.nodeSelector': nodeSelector });
  await startOperator(t, job.namespace);
  await job.apply();
  await job.untilPhase('Failed');
  const { failure } = await job.status();
  t.is(failure?.reason, 'InvalidSpec');
  t.regex(
    failure?.message ?? '',
    /^Job first-init-1 is not accepted by the API server: .*no more than 63/,
  );
});

test('a plan that somebody deletes is made again for the pods that wait for it', async (t) => {
  // No node has it yet: a kubelet that has seen a plan, which cannot change, gives it to later pods
  // from memory.
  const wanted = `of-${process.pid}`;
  const job = await aJobIn(t, {}, { 'spec.worker.nodeSelector': { wanted } });
  const { namespace } = job;
  await startOperator(t, namespace);
  await job.apply();
  const plans = async () =>
    (await job.list('configmaps')).filter(({ metadata }) => metadata.name.startsWith('first-plan'));
  await job.until('the pod that prepares has no node', async () => {
    const [pod] = (await job.list('pods')) as unknown as { readonly status: object }[];
    return JSON.stringify(pod?.status ?? {}).includes('Unschedulable');
  });
  for (const { metadata } of await plans())
    await kubectl(['-n', namespace, 'delete', 'configmap', metadata.name]);
  t.is((await plans()).length, 0);
  const [node = ''] = (await kubectl(['get', 'nodes', '-o', 'name'])).stdout.split('\n');
  await kubectl(['label', node, `wanted=${wanted}`]);
  t.teardown(() => kubectl(['label', node, 'wanted-']));
  await job.untilPhase('Succeeded');
  t.is((await plans()).length, 1);
});

test('a Job that somebody else suspends is told, and goes on when it is let', async (t) => {
  const job = await aJobIn(t, { supervise: { seconds: 30 } });
  const { namespace } = job;
  await startOperator(t, namespace);
  await job.apply();
  await job.untilPhase('Running');
  const suspend = (value: boolean) =>
    kubectl([
      '-n',
      namespace,
      'patch',
      'job',
      'first-w1',
      '-p',
      JSON.stringify({ spec: { suspend: value } }),
    ]);
  await suspend(true);
  await job.until('it is told', (now) => is(now, 'Stalled') === 'True/SuspendedElsewhere');
  t.regex(messageOf(await job.status(), 'Stalled'), /^Job first-w1 was suspended by somebody else/);
  await suspend(false);
  await job.untilPhase('Succeeded');
});

async function reconciles(t: ExecutionContext, port: number): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = [...page.matchAll(/^controller_runtime_reconcile_total\{.*?\} (\d+)$/gm)];
  t.true(lines.length > 0);
  return lines.reduce((sum, [, value]) => sum + Number(value), 0);
}

test('a finished job that goes in thirty days is left alone until then', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.ttlSecondsAfterFinished': 30 * 86_400 });
  const operator = await startOperator(t, job.namespace, features);
  await job.apply();
  await job.untilPhase('Succeeded');
  // Its children still settle for a moment.
  await eventually('its pods are gone or done', async () => {
    const pods = await job.list('pods');
    return pods.every((pod) => /Succeeded|Failed/.test(JSON.stringify(pod['status'])));
  });
  const before = await reconciles(t, operator.port);
  const until = performance.now() + 10_000;
  await eventually('ten seconds have passed', () => performance.now() > until, {
    withinMs: 60_000,
  });
  const count = (await reconciles(t, operator.port)) - before;
  t.log(`${count} reconciles in ten seconds`);
  t.true(count < 20, `${count} reconciles in ten seconds`);
});
