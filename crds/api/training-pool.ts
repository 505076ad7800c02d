// TrainingPool: a pod in which jobs of one base train together. It loads the base once; jobs come
// to it and leave it while others train.
import * as z from 'zod';
import { longestPartyName } from '../names/child-names.ts';
import { apiVersion, poolNames } from '../names/group.ts';
import { mostPacked } from '../names/most-packed.ts';
import { rule } from '../schema/rule.ts';
import { objectName, text } from '../schema/text.ts';
import { conditionList } from './conditions.ts';
import { objectMeta } from './job.ts';
import { model } from './model.ts';
import { imagePullSecrets, nodeSelector, resources, tolerations } from './pod-fields.ts';

export const poolSpec = z.strictObject({
  model: model.omit({ task: true }).describe('The base of all jobs.'),
  claimName: objectName().describe(
    'Claim that is storage.data of all jobs: what they prepared and save.',
  ),
  jobs: z
    .int32()
    .min(1)
    .max(mostPacked)
    .default(8)
    .describe('Jobs that train at one time; others wait.'),
  devices: z.int32().min(0).max(1).default(0).describe('Devices of the pod.'),
  resources: resources('devices')
    .optional()
    .describe('Processor and memory; what the site gives to workers when absent.'),
  imagePullSecrets,
  nodeSelector,
  tolerations,
  terminationGracePeriodSeconds: z
    .int()
    .min(15)
    .max(86_400)
    .default(120)
    .describe('Time to save after SIGTERM.'),
});

export const packedState = z.enum([
  ...(['Attaching', 'Waiting', 'Training', 'Leaving', 'Trained', 'Failed'] as const),
]);
export const trainingEnd = z.enum(['Finished', 'FinishedEarly']);

const packedJob = z.strictObject({
  name: text(253).describe('Name of the job.'),
  uid: text(64).describe('Its UID.'),
  state: packedState.describe('Waiting: for a place or memory. Leaving: it saves.'),
  message: text(2048).optional().describe('Why it waits or failed.'),
  code: text(64).optional().describe('Code of the failure.'),
  reason: trainingEnd.optional().describe('How training ended.'),
});

export const poolStatus = z.strictObject({
  observedGeneration: z.int().min(0).optional().describe('Generation that this is about.'),
  jobs: z
    .array(packedJob)
    .max(1024)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uid'] })
    .describe('Its jobs that have not been taken over by the status of each.'),
  summary: text(32).optional().describe('Jobs that train, of those that should.'),
  conditions: conditionList(16).describe(
    'Accepted: its objects are written. Ready: its pod answers.',
  ),
});

export type PoolSpec = z.output<typeof poolSpec>;
export type PoolStatus = z.output<typeof poolStatus>;
export type TrainingEnd = z.output<typeof trainingEnd>;
export type PackedJobStatus = z.output<typeof packedJob>;
export type PoolCondition = 'Accepted' | 'Ready';

export const trainingPool = rule(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
    kind: z.literal(poolNames.kind).describe('Kind of the object.'),
    metadata: objectMeta.describe('Name, namespace and labels of the pool.'),
    spec: poolSpec.describe('The desired state.'),
    status: poolStatus.optional().describe('What is.'),
  }),
  {
    id: 'pool: the name leaves room for that of a Job',
    where: 'cluster',
    cel: `size(self.metadata.name) <= ${longestPartyName}`,
    check: ({ metadata: { name = '' } }) => name.length <= longestPartyName,
    message: `must have at most ${longestPartyName} characters, because its Job is named by it`,
    path: ['metadata', 'name'],
  },
);
