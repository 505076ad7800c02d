// The worker pods: number, devices, scheduling.
import * as z from 'zod';
import { group } from '../names/group.ts';
import { reservedLabelPrefixes } from '../names/labels.ts';
import { mutable } from '../schema/mutability.ts';
import { quantity } from '../schema/quantity.ts';
import { type Rule, rule } from '../schema/rule.ts';
import { objectName, text } from '../schema/text.ts';
import { affinity } from './affinity.ts';
import {
  annotationMap,
  env,
  imagePullSecrets,
  imageReference,
  labelMap,
  nodeSelector,
  resourceClaim,
  resources,
  tolerations,
  topologySpreadConstraint,
} from './pod-fields.ts';

const replicas = () => z.int32().min(1).max(5000);

const fields = z.strictObject({
  replicas: mutable(replicas().default(1), 'LiveIfElastic').describe(
    'Worker pods; the target of kubectl scale.',
  ),
  minReplicas: replicas().optional().describe('Fewest workers to train with.'),
  maxReplicas: replicas().optional().describe('Most workers to scale to.'),
  elasticity: z
    .enum(['None', 'AtStart', 'Live'])
    .default('None')
    .describe(
      'None: exactly replicas. AtStart: any number in the range at each start. Live: the number may change at any time.',
    ),
  devicesPerWorker: z
    .int32()
    .min(0)
    .max(8)
    .default(0)
    .describe('Devices of a worker, which trains with a process on each; 0 for the processor.'),
  deviceResourceName: text(
    317,
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
    'an extended resource such as nvidia.com/gpu',
  )
    .optional()
    .describe(
      'Extended resource that provides devices on the cluster; that of the chart when absent.',
    ),
  deviceMemory: quantity()
    .optional()
    .describe('Memory of a device, for the plan; that of the nodes or of the chart when absent.'),
  resourceClaims: z
    .array(resourceClaim)
    .max(16)
    .optional()
    .describe('Devices by dynamic resource allocation, instead of deviceResourceName.'),
  image: imageReference().optional().describe('Worker image; that of the chart when absent.'),
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .optional()
    .describe('When the image is pulled.'),
  imagePullSecrets,
  resources: resources('devicesPerWorker or resourceClaims')
    .optional()
    .describe('Processor and memory of a worker; from the memory plan when absent.'),
  nodeSelector,
  tolerations,
  affinity: affinity.optional().describe('Node and pod affinity.'),
  topologySpreadConstraints: z
    .array(topologySpreadConstraint)
    .max(8)
    .optional()
    .describe('How workers are spread over domains.'),
  priorityClassName: objectName().optional().describe('Priority of the pods.'),
  runtimeClassName: objectName().optional().describe('Container runtime of the pods.'),
  serviceAccountName: objectName()
    .optional()
    .describe('Service account; its token is not mounted.'),
  terminationGracePeriodSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(120)
    .describe('Time for a save after SIGTERM.'),
  sharedMemorySize: quantity().optional().describe('Size of /dev/shm; from the plan when absent.'),
  env: z
    .array(env)
    .max(64)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('Environment variables. Not for secrets, which have their own fields.'),
  labels: labelMap().optional().describe('Labels of the worker pods.'),
  annotations: annotationMap().optional().describe('Annotations of the worker pods.'),
});

type Worker_ = z.output<typeof fields>;

export const worker = mutable(
  rule(
    fields,
    {
      id: 'worker: an elastic job has a range',
      cel: "self.elasticity == 'None' || (has(self.minReplicas) && has(self.maxReplicas))",
      check: (self) =>
        self.elasticity === 'None' ||
        (self.minReplicas !== undefined && self.maxReplicas !== undefined),
      message: 'is not None; minReplicas and maxReplicas must be set',
      path: ['elasticity'],
    },
    {
      id: 'worker: replicas are in range',
      cel: "self.elasticity == 'None' || !has(self.minReplicas) || !has(self.maxReplicas) || (self.minReplicas <= self.replicas && self.replicas <= self.maxReplicas)",
      check: (self) =>
        self.elasticity === 'None' ||
        self.minReplicas === undefined ||
        self.maxReplicas === undefined ||
        (self.minReplicas <= self.replicas && self.replicas <= self.maxReplicas),
      message: 'must lie between minReplicas and maxReplicas',
      path: ['replicas'],
    },
    {
      id: 'worker: claims or devices',
      cel: '!has(self.resourceClaims) || size(self.resourceClaims) == 0 || !has(self.deviceResourceName)',
      check: (self) =>
        self.resourceClaims === undefined ||
        self.resourceClaims.length === 0 ||
        self.deviceResourceName === undefined,
      message: 'is set together with resourceClaims; devices come from one of the two',
      path: ['deviceResourceName'],
    },
    {
      id: 'worker: claims are for devices',
      cel: '!has(self.resourceClaims) || size(self.resourceClaims) == 0 || self.devicesPerWorker > 0',
      check: (self) =>
        self.resourceClaims === undefined ||
        self.resourceClaims.length === 0 ||
        self.devicesPerWorker > 0,
      message: 'is set, and devicesPerWorker is 0: nothing would use the devices',
      hint: 'set spec.worker.devicesPerWorker: 1',
      path: ['resourceClaims'],
    },
    ...reservedKeys('labels'),
    ...reservedKeys('annotations'),
  ),
  'Suspended',
);

export type Worker = z.output<typeof worker>;

function reservedKeys(map: 'labels' | 'annotations'): Rule<Worker_>[] {
  const test = reservedLabelPrefixes.map((prefix) => `!key.startsWith('${prefix}')`).join(' && ');
  return [
    {
      id: `worker.${map}: reserved prefixes are refused`,
      cel: `!has(self.${map}) || self.${map}.all(key, ${test})`,
      check: (self) =>
        Object.keys(self[map] ?? {}).every(
          (key) => !reservedLabelPrefixes.some((prefix) => key.startsWith(prefix)),
        ),
      message: `has a key that begins with ${group}/ or a prefix of Kubernetes or the queue`,
      path: [map],
    },
  ];
}
