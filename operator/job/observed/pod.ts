// A pod, as we look at it: where it is, whether it is ready, why it waits, how it ended.
import * as z from 'zod';
import type { Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const words = z.object({ reason: z.string().optional(), message: z.string().optional() });

const containerStatus = z.object({
  name: z.string(),
  ready: z.boolean().default(false),
  state: z
    .object({
      waiting: words.optional(),
      running: z.object({}).optional(),
      terminated: words.extend({ exitCode: z.int(), finishedAt: z.string().nullish() }).optional(),
    })
    .prefault({}),
});

const pod = z.object({
  metadata,
  spec: z.object({ nodeName: z.string().optional() }).prefault({}),
  status: words
    .extend({
      phase: z.string().default('Pending'),
      conditions: z
        .array(
          words.extend({
            type: z.string(),
            status: z.string(),
            lastTransitionTime: z.string().nullish(),
          }),
        )
        .nullish(),
      initContainerStatuses: z.array(containerStatus).nullish(),
      containerStatuses: z.array(containerStatus).nullish(),
    })
    .prefault({}),
});

export type Pod = z.output<typeof pod>;

export const pods: Resource<Pod> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  read: (raw) => pod.parse(raw),
};
