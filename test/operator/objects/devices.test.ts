import test from 'ava';
import { initJob, publishJob } from '../../../operator/objects/io-job.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';

const onDevice: Changes = { 'worker.devicesPerWorker': 1 };

function worker(changes: Changes, leastDevice?: string, settings = someSettings) {
  const { template } = workerJob({
    ...{ job: aBuiltJob(changes), settings, workerRevision: 1, replicas: 1, gang: undefined },
    ...{ excludedNodes: [], grown: 0, trainedParameters: undefined, leastDevice },
  }).spec;
  return template.spec;
}

const tolerated = ({ tolerations }: ReturnType<typeof worker>) =>
  tolerations.filter(({ effect }) => effect === 'NoSchedule').map(({ key }) => key);

test('a worker on a device has the image with CUDA, the resource and the runtime class of the site', (t) => {
  const devices = {
    ...someSettings.devices,
    ...{ resourceName: 'nvidia.com/mig-1g.10gb', runtimeClassName: 'nvidia' },
  };
  const { containers, runtimeClassName } = worker(onDevice, undefined, {
    ...someSettings,
    devices,
  });
  const [container] = containers;
  t.is(container?.image, devices.image);
  t.is(container?.resources?.limits?.['nvidia.com/mig-1g.10gb'], '1');
  t.is(container?.resources?.requests?.['nvidia.com/mig-1g.10gb'], '1');
  t.is(runtimeClassName, 'nvidia');
  t.true(container?.env?.some(({ name }) => name === 'CUDA_DEVICE_ORDER'));
  const processor = worker({ 'worker.devicesPerWorker': 0 }, undefined, {
    ...someSettings,
    devices,
  });
  t.is(processor.runtimeClassName, undefined);
  t.is(processor.containers[0]?.image, someSettings.image);
  t.deepEqual(Object.keys(processor.containers[0]?.resources?.limits ?? {}), []);
  t.false(processor.containers[0]?.env?.some(({ name }) => name === 'CUDA_DEVICE_ORDER'));
});

test('what the job says stands above the site', (t) => {
  const own = worker({
    ...onDevice,
    'worker.deviceResourceName': 'amd.com/gpu',
    'worker.runtimeClassName': 'kata',
    'worker.image': 'registry.example.com/own',
  });
  t.is(own.containers[0]?.resources?.limits?.['amd.com/gpu'], '1');
  t.is(own.containers[0]?.image, 'registry.example.com/own');
  t.is(own.runtimeClassName, 'kata');
  t.deepEqual(tolerated(own), ['nvidia.com/gpu', 'amd.com/gpu']);
});

test('the usual taint of nodes with devices is tolerated by workers on devices, once', (t) => {
  t.deepEqual(tolerated(worker(onDevice)), ['nvidia.com/gpu']);
  t.deepEqual(tolerated(worker({ 'worker.devicesPerWorker': 0 })), []);
  const tolerations = [{ key: 'nvidia.com/gpu', operator: 'Equal', value: 'a100' }];
  t.deepEqual(tolerated(worker({ ...onDevice, 'worker.tolerations': tolerations })), []);
});

test('devices by a claim take no extended resource', (t) => {
  const claim = { name: 'gpu', resourceClaimTemplateName: 'one-gpu' };
  const { containers, resourceClaims } = worker({ ...onDevice, 'worker.resourceClaims': [claim] });
  t.deepEqual(resourceClaims, [claim]);
  t.deepEqual(containers[0]?.resources, { ...containers[0]?.resources, claims: [{ name: 'gpu' }] });
  t.false(JSON.stringify(containers[0]?.resources).includes('nvidia.com/gpu'));
});

test('where devices differ, workers go to nodes whose label says that they are large enough', (t) => {
  const rules = ({ affinity }: ReturnType<typeof worker>) =>
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  t.is(rules(worker(onDevice)), undefined);
  const key = 'nvidia.com/gpu.memory';
  t.deepEqual(rules(worker(onDevice, '24Gi')), [
    { matchExpressions: [{ key, operator: 'Gt', values: ['24575'] }] },
  ]);
});

test('preparing and publishing take no device, and go to such nodes only where the job names nodes', (t) => {
  const pods = (changes: Changes) => {
    const job = aBuiltJob({ ...onDevice, ...changes });
    return [
      initJob({ job, settings: someSettings, attempt: 1 }, 'd'),
      publishJob({ job, settings: someSettings, attempt: 1 }),
    ].map(({ spec }) => spec.template.spec);
  };
  const devices = { ...someSettings.devices, runtimeClassName: 'nvidia' };
  for (const pod of pods({})) {
    t.is(pod.containers[0]?.image, someSettings.image);
    t.false(JSON.stringify(pod).includes(devices.resourceName));
    t.false(Object.hasOwn(pod, 'runtimeClassName'));
  }
  for (const pod of pods({ 'worker.nodeSelector': { pool: 'gpu' } })) {
    t.true(pod.tolerations.some(({ key }) => key === 'nvidia.com/gpu'));
    t.false(JSON.stringify(pod.containers).includes('nvidia.com/gpu'));
  }
});
