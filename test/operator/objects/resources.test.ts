import test from 'ava';
import { parseQuantity } from '../../../crds/schema/quantity.ts';
import { initJob, publishJob } from '../../../operator/objects/io-job.ts';
import {
  prepareResources,
  publishResources,
  workerResources,
} from '../../../operator/objects/resources.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';

const gib = 2 ** 30;
const planned = { least: 4 * gib, most: 8 * gib, publish: 6 * gib };
const of = (changes: Changes, more: Partial<Parameters<typeof workerResources>[2]> = {}) =>
  workerResources(aBuiltJob(changes), someSettings, {
    ...{ planned, sharedBytes: gib / 4, factor: 1 },
    ...more,
  });

test('memory that a job names is requested as it is limited, grows when asked, and devices are both', (t) => {
  const own = {
    'worker.resources': { requests: { cpu: '2' }, limits: { memory: '8Gi' } },
    'worker.devicesPerWorker': 2,
  };
  t.deepEqual(of(own), {
    requests: { cpu: '2', memory: '8Gi', 'nvidia.com/gpu': '2' },
    limits: { memory: '8Gi', 'nvidia.com/gpu': '2' },
  });
  t.is(of(own, { factor: 1.25 }).limits?.['memory'], String(10 * gib));
});

test('claims of dynamic resource allocation take the place of the device', (t) => {
  const resourceClaims = [{ name: 'gpu', resourceClaimTemplateName: 't' }];
  const { claims, limits } = of({
    ...{ 'worker.devicesPerWorker': 1, 'worker.resourceClaims': resourceClaims },
  });
  t.deepEqual(claims, [{ name: 'gpu' }]);
  t.false(Object.hasOwn(limits ?? {}, 'nvidia.com/gpu'));
});

test('without a word of the job a worker asks for what its plan needs, and may use what it can', (t) => {
  const { requests = {}, limits = {} } = of({});
  t.is(requests['cpu'], '500m');
  // The trainer plans with four fifths of what is free; shared memory and the supervisor lie beside
  // it.
  t.is(parseQuantity(requests['memory'] ?? ''), 5 * gib + gib / 4 + gib / 8);
  t.is(parseQuantity(limits['memory'] ?? ''), 10 * gib + gib / 4 + gib / 8);
  const grown = of({}, { factor: 1.25 });
  t.is(parseQuantity(grown.limits?.['memory'] ?? ''), 1.25 * (10 * gib + gib / 4 + gib / 8));
});

test('what the site gives of the processor is given to each process that trains', (t) => {
  const { requests, limits } = of({ 'worker.devicesPerWorker': 4 });
  t.is(requests?.['cpu'], '2000m');
  t.is(limits?.['cpu'], undefined);
  const own = { 'worker.resources': { requests: { cpu: '3' } }, 'worker.devicesPerWorker': 4 };
  t.is(of(own).requests?.['cpu'], '3');
});

test('what a job says of the processor stands above the site, and a limit is a request', (t) => {
  t.is(of({ 'worker.resources': { requests: { cpu: '3' } } }).requests?.['cpu'], '3');
  t.is(of({ 'worker.resources': { limits: { cpu: '4' } } }).requests?.['cpu'], '4');
});

test('without a plan only the site is known', (t) => {
  t.deepEqual(of({}, { planned: undefined }), { requests: { cpu: '500m' }, limits: {} });
  t.deepEqual(publishResources(someSettings, undefined), someSettings.resources.publish);
});

test('the pod that publishes has what its plan needs, with some to spare, and at least what the site gives', (t) => {
  const { requests = {}, limits = {} } = publishResources(someSettings, planned);
  t.is(parseQuantity(requests['memory'] ?? ''), 6 * gib + gib / 8);
  t.is(parseQuantity(limits['memory'] ?? ''), 1.5 * (6 * gib + gib / 8));
  const small = publishResources(someSettings, { ...planned, publish: 1e6 });
  t.deepEqual(small, someSettings.resources.publish);
});

test('every container of every pod asks for processor and memory, so that a quota lets it in', (t) => {
  const job = aBuiltJob();
  const settings = someSettings;
  const jobs = [
    initJob({ job, settings, attempt: 1 }, 'd'),
    workerJob({
      ...{ job, settings, workerRevision: 1, replicas: 1, gang: undefined, excludedNodes: [] },
      ...{ grown: 0, trainedParameters: 1_000, planned },
    }),
    publishJob({ job, settings, attempt: 1, planned }),
  ];
  for (const { spec } of jobs) {
    for (const { resources } of spec.template.spec.containers) {
      for (const [kind, name] of [
        ['requests', 'cpu'],
        ['requests', 'memory'],
        ['limits', 'memory'],
      ] as const) {
        t.truthy(resources?.[kind]?.[name], `${kind} of ${name}`);
      }
    }
  }
  t.deepEqual(prepareResources(settings), settings.resources.prepare);
});

test('pods that prepare and publish go where workers may go, with their priority', (t) => {
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }],
    },
  };
  const podAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'rack' }],
  };
  const job = aBuiltJob({
    'worker.nodeSelector': { pool: 'training' },
    'worker.tolerations': [{ key: 'reserved', operator: 'Exists' }],
    'worker.priorityClassName': 'high',
    'worker.affinity': { nodeAffinity, podAffinity },
  });
  const settings = someSettings;
  for (const each of [
    initJob({ job, settings, attempt: 1 }, 'd'),
    publishJob({ job, settings, attempt: 1, planned }),
  ]) {
    const { nodeSelector, tolerations, priorityClassName, affinity } = each.spec.template.spec;
    t.deepEqual(nodeSelector, { pool: 'training' });
    t.true(tolerations.some(({ key }) => key === 'reserved'));
    t.is(priorityClassName, 'high');
    // Being near other pods is a matter of workers.
    t.deepEqual(affinity, { nodeAffinity });
  }
});

test('all Jobs of a job carry its queue, or those that prepare and publish one of their own', (t) => {
  const labels = (scheduling: object) => {
    const job = aBuiltJob({ scheduling });
    const settings = someSettings;
    return [
      initJob({ job, settings, attempt: 1 }, 'd'),
      publishJob({ job, settings, attempt: 1, planned }),
    ].map(({ metadata, spec }) => {
      const { 'kueue.x-k8s.io/queue-name': queue, 'kueue.x-k8s.io/priority-class': priority } =
        metadata.labels as Record<string, string | undefined>;
      return [queue, priority, spec.suspend];
    });
  };
  const research = { queueName: 'research', workloadPriorityClassName: 'high' };
  t.deepEqual(labels(research), [
    ['research', 'high', true],
    ['research', 'high', true],
  ]);
  t.deepEqual(labels({ ...research, auxiliaryQueueName: 'small' })[0], ['small', 'high', true]);
  t.deepEqual(labels({ auxiliaryQueueName: 'small' })[1], ['small', undefined, true]);
  t.deepEqual(labels({})[0], [undefined, undefined, false]);
});
