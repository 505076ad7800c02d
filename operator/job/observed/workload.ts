// What a queue says about a Job: the Workload of Kueue, where it is installed and may be read.
import * as z from 'zod';
import type { Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const workload = z.object({
  metadata,
  status: z
    .object({
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().default(''),
            message: z.string().default(''),
          }),
        )
        .nullish(),
    })
    .prefault({}),
});

export type Workload = z.output<typeof workload>;

export const workloads: Resource<Workload> = {
  group: 'kueue.x-k8s.io',
  version: 'v1beta1',
  plural: 'workloads',
  kind: 'Workload',
  read: (raw) => workload.parse(raw),
};
