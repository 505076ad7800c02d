// FineTuneJob: spec and status in one schema. Everything that two processes must agree on about a job begins here.
import * as z from 'zod';
import { apiVersion, kind } from '../group.ts';
import { specFields } from './spec.ts';
import { withSpecRules } from './spec-rules.ts';
import { status } from './status.ts';

export const fineTuneJobSpec = withSpecRules(specFields);
export type FineTuneJobSpec = z.output<typeof fineTuneJobSpec>;
export type FineTuneJobSpecInput = z.input<typeof fineTuneJobSpec>;

const stringMap = z.record(z.string(), z.string());

/** Only what we read; the API server checks the rest. */
export const objectMeta = z.looseObject({
  name: z
    .string()
    .max(40)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .optional(),
  generateName: z.string().max(34).optional(),
  namespace: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .optional(),
  labels: stringMap.optional(),
  annotations: stringMap.optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
});

export const fineTuneJob = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  metadata: objectMeta,
  spec: fineTuneJobSpec.describe('What is wanted.'),
  status: status.optional().describe('What is.'),
});

export type FineTuneJob = z.output<typeof fineTuneJob>;
export type FineTuneJobInput = z.input<typeof fineTuneJob>;
