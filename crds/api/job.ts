// FineTuneJob: spec and status in one schema. Everything that two processes must agree on about a
// job begins here.
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

/** Only what we read; the API server checks the rest. */
export const objectMeta = z.looseObject({
  name: z
    .string()
    .regex(plainName, { error: nameWords })
    .optional()
    .describe('Name of the job; on one machine also of the folder of its runs.'),
  generateName: z
    .string()
    .optional()
    .describe('Beginning of a name that a cluster completes, in place of `name`.'),
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
    kind: z.literal(kind).describe('What the file is.'),
    metadata: objectMeta.describe('Who the job is.'),
    spec: fineTuneJobSpec.describe('What is wanted.'),
    status: status.optional().describe('What is.'),
  }),
  {
    id: 'job: names of pods stay short enough',
    cel: `size(self.metadata.name) <= ${longestName}`,
    check: ({ metadata }) => (metadata.name ?? '').length <= longestName,
    message: `must be at most ${longestName} characters, because names of pods are made from it`,
    path: ['metadata', 'name'],
  },
  {
    // Here the form of the field says it; the API server takes dots in the name of any object.
    id: 'job: the name can be that of a pod',
    where: 'cluster',
    cel: `self.metadata.name.matches(${celText(plainName.source)})`,
    check: ({ metadata }) => plainName.test(metadata.name ?? ''),
    message: `must be ${nameWords}, because pods are called after it`,
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
    message: 'must begin with a letter, because the Service of several workers is called after it',
    hint: 'choose another name, or set spec.network.headlessService: Disabled',
    path: ['metadata', 'name'],
  },
);

export type FineTuneJob = z.output<typeof fineTuneJob>;
export type FineTuneJobInput = z.input<typeof fineTuneJob>;
