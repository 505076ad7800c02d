import test from 'ava';
import { noBus } from '../../../operator/bus/job-bus.ts';
import { byJob, observe, type Stores } from '../../../operator/job/observe.ts';
import { type BatchJob, batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { services } from '../../../operator/job/observed/child-object.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { nodes } from '../../../operator/job/observed/node.ts';
import { pods } from '../../../operator/job/observed/pod.ts';
import { workloads } from '../../../operator/job/observed/workload.ts';
import { type ByRequest, byRequest } from '../../../operator/job/siblings.ts';
import type { KubeObject } from '../../../operator/runtime/resource.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { aWrittenJob } from '../../builders/job.ts';
import { now, quietSite } from '../../builders/job-facts.ts';

const created = '2026-01-01T11:00:00Z';
const metadata = (name: string, changes: object = {}) => ({
  ...{ name, namespace: 'n', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: created },
  ...changes,
});
const labels = (component: string, more: object = {}) => ({
  ...{ 'anneal.dev/job-uid': 'uid-first', 'anneal.dev/job-name': 'first' },
  ...{ 'anneal.dev/component': component, ...more },
});
const ownedBy = (uid: string) => ({ ownerReferences: [{ uid, controller: true }] });

const workerJob = (changes: object = {}) => ({
  metadata: metadata('first-w1', {
    labels: labels('worker', { 'anneal.dev/worker-revision': '1' }),
    ...ownedBy('uid-first'),
  }),
  spec: { parallelism: 2 },
  ...changes,
});
const workerPod = (status: object, changes: object = {}) => ({
  metadata: metadata('first-w1-0', {
    labels: labels('worker', {
      'anneal.dev/worker-revision': '1',
      'batch.kubernetes.io/job-completion-index': '3',
    }),
    ...ownedBy('uid-first-w1'),
    ...changes,
  }),
  spec: { nodeName: 'n1' },
  status,
});

function factsOf(objects: {
  jobs?: object[];
  pods?: object[];
  services?: object[];
  workloads?: object[];
  nodes?: object[];
}) {
  const children = <T extends KubeObject>() => new Store<T, 'job'>({ indexes: { job: byJob } });
  const stores: Stores = {
    jobs: new Store({ indexes: { uid: () => [] } }),
    ...{
      batchJobs: new Store<BatchJob, 'job' | ByRequest>({
        indexes: { job: byJob, request: byRequest },
      }),
      pods: children(),
      services: children(),
      sharedPolicies: new Store({ indexes: {} }),
      networkPolicies: children(),
    },
    podGroups: undefined,
    workloads: new Store({ indexes: { owner: ({ metadata }) => [metadata.controlledBy ?? ''] } }),
    nodes: new Store({ indexes: {} }),
  };
  for (const raw of objects.jobs ?? []) stores.batchJobs.put(batchJobs.read(raw));
  for (const raw of objects.pods ?? []) stores.pods.put(pods.read(raw));
  for (const raw of objects.services ?? []) stores.services.put(services.read(raw));
  for (const raw of objects.workloads ?? []) stores.workloads?.put(workloads.read(raw));
  for (const raw of objects.nodes ?? []) stores.nodes?.put(nodes.read(raw));
  const job = fineTuneJobs.read({
    ...aWrittenJob(),
    metadata: metadata('first', { generation: 4 }),
  });
  return observe(stores, job, noBus, quietSite, now);
}

const podOf = (status: object, changes: object = {}) => {
  const [pod] = factsOf({ jobs: [workerJob()], pods: [workerPod(status, changes)] }).pods;
  if (pod === undefined) throw new Error('there is no pod');
  return pod;
};

test('a worker Job is seen with its revision, its plan and how it ended', (t) => {
  const conditions = [
    {
      type: 'Failed',
      status: 'True',
      reason: 'PodFailurePolicy',
      message: 'm',
      lastTransitionTime: created,
    },
  ];
  const { workers, job } = factsOf({
    jobs: [workerJob({ status: { failed: 2, startTime: created, conditions } })],
  });
  t.is(job.generation, 4);
  t.like(workers[0], { number: 1, parallelism: 2, failed: 2, suspended: false, isDeleting: false });
  t.like(workers[0]?.outcome, { type: 'Failed', reason: 'PodFailurePolicy' });
});

test('a label is anybody’s to write: only what the job owns is its child', (t) => {
  const foreign = workerJob({
    metadata: metadata('other', { labels: labels('worker'), ...ownedBy('uid-of-somebody') }),
  });
  const { workers, pods: seen } = factsOf({ jobs: [foreign], pods: [workerPod({})] });
  t.deepEqual(workers, []);
  t.deepEqual(seen, [], 'a pod of a Job that is not ours');
});

test('a worker pod whose Job is gone is left, until it is gone itself', (t) => {
  const owned = factsOf({ jobs: [workerJob()], pods: [workerPod({})] });
  t.deepEqual([owned.pods.length, owned.leftPods.length], [1, 0]);
  const left = factsOf({ pods: [workerPod({})] });
  t.deepEqual([left.pods.length, left.leftPods.length], [0, 1]);
  const init = workerPod({}, { labels: labels('init') });
  t.deepEqual(factsOf({ pods: [init] }).leftPods, [], 'only workers are suspended');
  const loose = workerPod({}, { ownerReferences: [] });
  t.deepEqual(factsOf({ pods: [loose] }).leftPods, [], 'a pod of no Job was made by hand');
});

test('a waiting pod says why: no node, no image, no Secret', (t) => {
  const scheduled = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: '0/2 nodes',
  };
  t.is(podOf({ conditions: [scheduled] }).unschedulable, '0/2 nodes');
  const waiting = { reason: 'ErrImagePull', message: 'not found' };
  t.deepEqual(
    podOf({ containerStatuses: [{ name: 'worker', state: { waiting } }] }).waiting,
    waiting,
  );
  const init = [{ name: 'prepare', state: { waiting } }];
  t.deepEqual(podOf({ initContainerStatuses: init }).waiting, waiting);
});

test('a pod that ended tells its code, its termination message and when', (t) => {
  const message = JSON.stringify({
    v: 1,
    failure: { code: 'E_HANG', reason: 'Hang', message: 'm' },
  });
  const terminated = { exitCode: 76, reason: 'Error', message, finishedAt: created };
  const pod = podOf({
    phase: 'Failed',
    containerStatuses: [{ name: 'worker', state: { terminated } }],
  });
  t.like(pod, { index: 3, number: 1, node: 'n1', phase: 'Failed' });
  t.is(pod.end?.exitCode, 76);
  t.is(pod.end?.terminationMessage?.failure?.code, 'E_HANG');
  t.is(pod.end?.message, '', 'a record of ours is not quoted as text');
  t.is(pod.end?.finishedAt, Date.parse(created));
});

test('text that is no record is quoted, and the container that ended badly is the one that counts', (t) => {
  const state = (exitCode: number, message: string) => ({ terminated: { exitCode, message } });
  const pod = podOf({
    phase: 'Failed',
    initContainerStatuses: [{ name: 'prepare', state: state(66, 'no such file') }],
    containerStatuses: [{ name: 'worker', state: state(0, '') }],
  });
  t.is(pod.end?.exitCode, 66);
  t.is(pod.end?.message, 'no such file');
});

test('an eviction, a killed container and a pod without any status are told apart', (t) => {
  const disruption = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
  t.is(podOf({ phase: 'Failed', conditions: [disruption] }).disruption, 'EvictionByEvictionAPI');
  const oom = [{ name: 'worker', state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }];
  t.is(podOf({ phase: 'Failed', containerStatuses: oom }).end?.reason, 'OOMKilled');
  t.is(podOf({ phase: 'Failed' }).end?.exitCode, 137);
  t.is(podOf({ phase: 'Running' }).end, undefined);
});

test('a pod on a node that the cluster does not reach is seen as such', (t) => {
  const taints = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }];
  const node = { metadata: { ...metadata('n1'), namespace: undefined }, spec: { taints } };
  const lost = factsOf({
    jobs: [workerJob()],
    pods: [workerPod({ phase: 'Running' })],
    nodes: [node],
  });
  t.true(lost.pods[0]?.nodeUnreachable);
});

test('a service of our name that is somebody else’s is a foreign name', (t) => {
  t.deepEqual(factsOf({ services: [{ metadata: metadata('first') }] }).foreign, ['Service first']);
  const ours = {
    metadata: metadata('first', { labels: labels('worker'), ...ownedBy('uid-first') }),
  };
  t.deepEqual(factsOf({ services: [ours] }).foreign, []);
});

test('a queue is quoted from the workload of the worker Job', (t) => {
  const conditions = [
    { type: 'QuotaReserved', status: 'False', reason: 'Pending', message: 'no quota' },
  ];
  const workload = {
    metadata: metadata('job-first-w1', ownedBy('uid-first-w1')),
    status: { conditions },
  };
  const { queue } = factsOf({ jobs: [workerJob()], workloads: [workload] });
  t.deepEqual(queue, { workload: 'job-first-w1', reason: 'Pending', message: 'no quota' });
});

test('a workload that is written to after its Job has ended hides no other', (t) => {
  const of = (job: string, resourceVersion: string, conditions: object[]) => ({
    metadata: metadata(`job-${job}`, { ...ownedBy(`uid-${job}`), resourceVersion }),
    status: { conditions },
  });
  const waits = { type: 'QuotaReserved', status: 'False', reason: 'Pending', message: 'no quota' };
  const prepared = {
    metadata: metadata('first-init-1', { labels: labels('init'), ...ownedBy('uid-first') }),
    spec: {},
    status: { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: created }] },
  };
  const { queue } = factsOf({
    jobs: [prepared, workerJob()],
    workloads: [
      of('first-w1', '5', [waits]),
      of('first-init-1', '9', [{ type: 'Finished', status: 'True' }]),
    ],
  });
  t.deepEqual(queue, { workload: 'job-first-w1', reason: 'Pending', message: 'no quota' });
});

test('a spec that cannot be read is a sentence, and kubectl’s copy of the manifest is not kept', (t) => {
  const written = aWrittenJob() as { spec: object };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', own: 'x' };
  const job = fineTuneJobs.read({
    spec: { ...written.spec, training: {} },
    metadata: metadata('first', { annotations }),
  });
  t.is(job.spec, undefined);
  t.regex(job.problem, /^spec\.training/);
  t.deepEqual(job.metadata.annotations, { own: 'x' });
});
