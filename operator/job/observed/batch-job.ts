// A Job of the batch API, as we look at it.
import * as z from 'zod';
import type { Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().optional(),
});

const batchJob = z.object({
  metadata,
  spec: z.object({
    suspend: z.boolean().default(false),
    parallelism: z.int().default(1),
    completions: z.int().optional(),
  }),
  status: z
    .object({
      startTime: z.string().optional(),
      active: z.int().default(0),
      ready: z.int().default(0),
      succeeded: z.int().default(0),
      failed: z.int().default(0),
      terminating: z.int().default(0),
      conditions: z.array(condition).nullish(),
    })
    .prefault({}),
});

export type BatchJob = z.output<typeof batchJob>;

export const batchJobs: Resource<BatchJob> = {
  group: 'batch',
  version: 'v1',
  plural: 'jobs',
  kind: 'Job',
  read: (raw) => batchJob.parse(raw),
};
