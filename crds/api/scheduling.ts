// Scheduling of the workers: queue, gang, topology.
import * as z from 'zod';
import { mutable } from '../schema/mutability.ts';
import { objectName } from '../schema/text.ts';
import { key } from './pod-fields.ts';

const topology = z.strictObject({
  key: key().describe('Node label of the domain that all workers should share.'),
  mode: z
    .enum(['Required', 'Preferred'])
    .default('Preferred')
    .describe('Whether the domain is required or preferred.'),
});

/** Kueue reads it from a label, whose value is shorter than a name may be. */
const labelled = () => objectName(63);

export const scheduling = mutable(
  z.strictObject({
    queueName: labelled().optional().describe('Kueue queue that admits the job.'),
    auxiliaryQueueName: labelled()
      .optional()
      .describe('Kueue queue of the pods that prepare and publish; queueName when absent.'),
    workloadPriorityClassName: labelled().optional().describe('Kueue priority of the job.'),
    gang: z
      .enum(['Auto', 'None', 'Native', 'Coscheduling', 'Volcano', 'Fallback'])
      .default('Auto')
      .describe(
        'Gang scheduling: all workers start together or not at all. Auto uses what the cluster has.',
      ),
    schedulingTimeoutSeconds: mutable(z.int32().min(1).default(600), 'Live').describe(
      'How long workers may wait for nodes.',
    ),
    topology: topology.optional().describe('Place the workers in one domain.'),
  }),
  'Suspended',
);
