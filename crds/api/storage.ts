// Volumes of the pods: fetched models and tokens (`data`), and disposable space (`scratch`).
import * as z from 'zod';
import { quantity } from '../schema/quantity.ts';
import { objectName } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';

const existing = z.strictObject({
  claimName: objectName().describe('Claim in the namespace of the job.'),
});

const template = z.strictObject({
  size: quantity().describe('Size of the claim.'),
  storageClassName: objectName()
    .optional()
    .describe("Storage class; the cluster's default when absent."),
  accessMode: z
    .enum(['ReadWriteOnce', 'ReadWriteMany', 'ReadWriteOncePod'])
    .default('ReadWriteOnce')
    .describe('ReadWriteMany if several nodes share it.'),
});

const ephemeral = z.strictObject({
  size: quantity().describe('Limit of disk space on the node.'),
});

const volumeOf = (id: string) =>
  exactlyOne(
    z.strictObject({
      persistentVolumeClaim: existing.optional().describe('An existing claim.'),
      volumeClaimTemplate: template.optional().describe('A claim that is created for this job.'),
      ephemeral: ephemeral.optional().describe('Disk of the node, lost with the pod.'),
    }),
    `${id} has one volume`,
    ['persistentVolumeClaim', 'volumeClaimTemplate', 'ephemeral'],
  );

export const storage = z.strictObject({
  data: volumeOf('storage.data').optional().describe('Volume for model and tokens.'),
  scratch: volumeOf('storage.scratch').optional().describe('Working space of a worker.'),
});
