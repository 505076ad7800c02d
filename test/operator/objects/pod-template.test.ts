import type { V1PodSpec } from '@kubernetes/client-node';
import test from 'ava';
import fc from 'fast-check';
import { parseQuantity } from '../../../crds/schema/quantity.ts';
import { initJob, publishJob } from '../../../operator/objects/io-job.ts';
import { podSpec } from '../../../operator/objects/pod-template.ts';
import { referencesOf } from '../../../operator/objects/references.ts';
import { sharedMemoryBytes } from '../../../operator/objects/volumes.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';
import { violations } from '../../doubles/restricted-profile.ts';

const source = fc.constantFrom(
  { huggingFace: { repository: 'a/b', tokenSecretRef: { name: 'hub-read' } } },
  { s3: { uri: 's3://b/p', credentialsSecretRef: { name: 'store-read' } } },
  { persistentVolumeClaim: { claimName: 'notes', path: 'x' } },
  { image: { reference: 'r/i' } },
);
const destination = fc.constantFrom(
  { s3: { uri: 's3://b/p', credentialsSecretRef: { name: 'store-write' } } },
  { persistentVolumeClaim: { claimName: 'notes' } },
  { persistentVolumeClaim: { claimName: 'other' } },
);
const jobs = fc
  .record({
    'model.source': source,
    'dataset.train': source,
    'dataset.eval': fc.option(source, { nil: undefined }),
    'checkpoint.destination': fc.option(destination, { nil: undefined }),
    'output.destination': destination,
    'output.pushToHub': fc.constantFrom(undefined, {
      repository: 'a/b',
      tokenSecretRef: { name: 'hub-write' },
    }),
    'storage.data': fc.constantFrom(undefined, { volumeClaimTemplate: { size: '1Gi' } }),
    'storage.scratch': fc.constantFrom(undefined, { persistentVolumeClaim: { claimName: 's' } }),
    'worker.replicas': fc.integer({ min: 1, max: 9 }),
    'worker.devicesPerWorker': fc.integer({ min: 0, max: 8 }),
    bus: fc.boolean(),
  })
  .map(({ bus, ...changes }) => ({
    job: aBuiltJob(changes as Changes),
    settings: bus ? someSettings : { ...someSettings, bus: undefined },
  }));

function podsOf({
  job,
  settings,
}: {
  job: ReturnType<typeof aBuiltJob>;
  settings: typeof someSettings;
}) {
  const worker = workerJob({
    ...{ job, settings, workerRevision: 1, replicas: job.spec.worker.replicas },
    ...{ gang: undefined, excludedNodes: ['n'], grown: 0, trainedParameters: undefined },
  });
  const pod = (each: { spec: { template: { spec: unknown } } }) =>
    each.spec.template.spec as V1PodSpec;
  return {
    prepare: pod(initJob({ job, settings, attempt: 1 }, 'd')),
    worker: pod(worker),
    publish: pod(publishJob({ job, settings, attempt: 1 })),
  };
}

test('every pod of every job satisfies the restricted profile', (t) => {
  fc.assert(
    fc.property(jobs, (each) => {
      const found = Object.values(podsOf(each)).flatMap(violations);
      return found.length === 0;
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('every mount has its volume, and no two mounts of a container lie at one place', (t) => {
  fc.assert(
    fc.property(jobs, (each) =>
      Object.values(podsOf(each)).every(({ volumes = [], containers, initContainers = [] }) => {
        const names = new Set(volumes.map(({ name }) => name));
        return (
          names.size === volumes.length &&
          [...initContainers, ...containers].every(({ volumeMounts = [] }) => {
            const places = new Set(volumeMounts.map(({ mountPath }) => mountPath));
            return (
              places.size === volumeMounts.length && volumeMounts.every((m) => names.has(m.name))
            );
          })
        );
      }),
    ),
    { numRuns: 200 },
  );
  t.pass();
});

test('a Secret is seen by the containers that need it, and the hub is known to no worker', (t) => {
  const secretsOf = (containers: V1PodSpec['containers'] = []) =>
    new Set(
      containers.flatMap(({ env = [] }) =>
        env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? []),
      ),
    );
  fc.assert(
    fc.property(jobs, (each) => {
      const { prepare, worker, publish } = podsOf(each);
      const workers = secretsOf(worker.containers);
      const inits = new Set([
        ...secretsOf(prepare.containers),
        ...secretsOf(worker.initContainers),
      ]);
      return (
        !workers.has('hub-read') &&
        !workers.has('hub-write') &&
        !workers.has('store-read') &&
        !inits.has('hub-write') &&
        !inits.has('store-write') &&
        !secretsOf(publish.containers).has('hub-read')
      );
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('a claim that only brings data is mounted read-only', (t) => {
  const { prepare, worker } = podsOf({
    job: aBuiltJob({ 'output.destination': { persistentVolumeClaim: { claimName: 'out' } } }),
    settings: someSettings,
  });
  const mount = (pod: V1PodSpec, path: string) =>
    pod.containers[0]?.volumeMounts?.find(({ mountPath }) => mountPath === path);
  t.true(mount(prepare, '/volumes/notes')?.readOnly);
  t.is(mount(prepare, '/volumes/out')?.readOnly, undefined);
  t.is(mount(worker, '/volumes/notes'), undefined, 'workers read tokens, not records');
});

test('pods share the data volume, else on that of the checkpoints, else on that of the result', (t) => {
  const claim = (claimName: string) => ({ persistentVolumeClaim: { claimName } });
  const shared = (changes: Changes) => referencesOf(aBuiltJob(changes)).shared;
  const all = {
    'storage.data': claim('data'),
    'checkpoint.destination': claim('saves'),
    'output.destination': claim('out'),
  };
  t.is(shared(all), 'data');
  t.is(shared({ ...all, 'storage.data': undefined }), 'saves');
  t.is(shared({ ...all, 'storage.data': undefined, 'checkpoint.destination': undefined }), 'out');
  t.is(shared({ 'storage.data': { volumeClaimTemplate: { size: '1Gi' } } }), 'first-data');
  t.is(shared({ 'output.destination': { s3: { uri: 's3://b/p' } } }), undefined);
});

test('where nothing is shared each pod prepares in an init container of its own', (t) => {
  const { prepare, worker, publish } = podsOf({
    job: aBuiltJob({ 'output.destination': { s3: { uri: 's3://b/p' } } }),
    settings: someSettings,
  });
  t.deepEqual(
    [prepare, worker, publish].map(({ initContainers = [] }) =>
      initContainers.map(({ name }) => name),
    ),
    [[], ['prepare'], ['prepare']],
  );
});

test('shared memory holds the copies that a job keeps there', (t) => {
  t.is(sharedMemoryBytes(0), 256 * 2 ** 20);
  const limitOf = (changes: Changes) => {
    const job = aBuiltJob({ 'worker.replicas': 4, ...changes });
    const pod = podSpec({ job, role: 'worker', settings: someSettings, trainedParameters: 1e9 });
    const volume = pod.volumes?.find(({ name }) => name === 'shared-memory');
    return parseQuantity(String(volume?.emptyDir?.sizeLimit)) - 256 * 2 ** 20;
  };
  const near = (bytes: number, expected: number) => bytes >= expected && bytes < expected + 2 ** 20;
  t.true(near(limitOf({}), 12e9), 'two of its own quarter, and two of another');
  t.true(near(limitOf({ 'checkpoint.memory': { mode: 'Local' } }), 6e9));
  t.is(limitOf({ 'checkpoint.memory': { mode: 'None' } }), 0);
  t.true(near(limitOf({ 'worker.devicesPerWorker': 2 }), 12e9), 'two times an eighth each');
  const live = { 'worker.elasticity': 'Live', 'worker.minReplicas': 2, 'worker.maxReplicas': 4 };
  t.true(near(limitOf(live), 24e9), 'a share may become larger while the job runs');
});
