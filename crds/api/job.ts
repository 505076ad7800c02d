// FineTuneJob: spec and status in one schema, the contract between all processes.
import * as z from 'zod';
import { apiVersion, kind } from '../names/group.ts';
import { rule } from '../schema/rule.ts';
import { celText } from '../schema/text.ts';
import { specFields } from './spec.ts';
import { withSpecRules } from './spec-rules.ts';
import { status } from './status.ts';

export const fineTuneJobSpec = withSpecRules(specFields);
export type FineTuneJobSpec = z.output<typeof fineTuneJobSpec>;
export type FineTuneJobSpecInput = z.input<typeof fineTuneJobSpec>;

const stringMap = z.record(z.string(), z.string());

const plainName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const nameWords = 'small letters, digits and hyphens, with a letter or digit at both ends';

/** Only the fields that we read; the API server validates the rest. */
export const objectMeta = z.looseObject({
  name: z
    .string()
    .regex(plainName, { error: nameWords })
    .optional()
    .describe('Name of the job; on one machine also of the folder of its runs.'),
  generateName: z
    .string()
    .optional()
    .describe('Prefix of a name that the cluster generates, instead of `name`.'),
  namespace: z
    .string()
    .max(63)
    .regex(plainName, { error: nameWords })
    .optional()
    .describe('Namespace of the job on a cluster.'),
  labels: stringMap.optional().describe('Labels, as of any object of Kubernetes.'),
  annotations: stringMap.optional().describe('Annotations, as of any object of Kubernetes.'),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
});

const longestName = 40;

export const fineTuneJob = rule(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
    kind: z.literal(kind).describe('Kind of the object.'),
    metadata: objectMeta.describe('Name, namespace and labels of the job.'),
    spec: fineTuneJobSpec.describe('The desired state.'),
    status: status.optional().describe('What is.'),
  }),
  {
    id: 'job: names of pods stay short enough',
    cel: `size(self.metadata.name) <= ${longestName}`,
    check: ({ metadata }) => (metadata.name ?? '').length <= longestName,
    message: `must be at most ${longestName} characters, because it is part of pod names`,
    path: ['metadata', 'name'],
  },
  {
    // On this machine the pattern of the field checks it; the API server allows dots in any
    // object's name.
    id: 'job: the name can be that of a pod',
    where: 'cluster',
    cel: `self.metadata.name.matches(${celText(plainName.source)})`,
    check: ({ metadata }) => plainName.test(metadata.name ?? ''),
    message: `must be ${nameWords}, because it is part of pod names`,
    path: ['metadata', 'name'],
  },
  {
    id: 'job: the name can be that of a Service, where there is one',
    where: 'cluster',
    cel: "!self.metadata.name.matches('^[0-9]') || !(has(self.spec.network.headlessService) ? self.spec.network.headlessService == 'Enabled' : self.spec.worker.replicas > 1)",
    check: ({ metadata, spec: { network, worker } }) => {
      const { headlessService = worker.replicas > 1 ? 'Enabled' : 'Disabled' } = network;
      return headlessService === 'Disabled' || !/^[0-9]/.test(metadata.name ?? '');
    },
    message: 'must begin with a letter, because it is the name of the Service of several workers',
    hint: 'choose another name, or set spec.network.headlessService: Disabled',
    path: ['metadata', 'name'],
  },
);

export type FineTuneJob = z.output<typeof fineTuneJob>;
export type FineTuneJobInput = z.input<typeof fineTuneJob>;
