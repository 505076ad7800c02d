// Adapter: what a job made, by itself. The operator creates one when a job that trained an adapter
// is Complete. It outlives its job, as the files do, and is never changed.
import * as z from 'zod';
import { quantity } from '../schema/quantity.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { modelSizes } from './model-sizes.ts';

const form = z.strictObject({
  type: text(64).describe('Format of the files, such as PEFTAdapter.'),
  uri: text(1024).describe('Where they are.'),
  endpoint: text(1024)
    .optional()
    .describe('Of the service that has the bucket, where it is not AWS.'),
  region: text(64).optional().describe('Region of the bucket.'),
  digest: text(71).optional().describe('Digest over the files.'),
  size: quantity().optional().describe('Their size.'),
  verdict: z
    .enum(['Pass', 'Warn', 'Disabled'])
    .optional()
    .describe('Verdict of the evaluation before they were published.'),
});

const fields = z.strictObject({
  job: z
    .strictObject({
      name: text(63).describe('Name of the job.'),
      uid: text(64).describe('Its UID.'),
    })
    .describe('The job that made it.'),
  base: z
    .strictObject({
      digest: text(71).describe('Digest over the files of the model. It belongs to no other.'),
      family: text(64).optional().describe('Decoder family of the model.'),
      revision: text(200).optional().describe('Commit of the model, where it came from a hub.'),
      sizes: modelSizes
        .optional()
        .describe('Sizes of the model, from which a server plans its memory.'),
    })
    .describe('The model that it belongs to.'),
  type: text(64).describe('Adapter of the method, such as LoRA.'),
  method: text(128).optional().describe('The method in words.'),
  heldOutLoss: text(32).optional().describe('Loss on held-out records at the end, where measured.'),
  forms: z.array(form).min(1).max(16).describe('The same adapter in each format that was written.'),
});

export const adapterSpec = rule(fields, {
  id: 'adapter: is what was made',
  cel: 'self == oldSelf',
  check: () => true,
  message: 'cannot be changed: it says what a job made',
  where: 'cluster',
});

export type AdapterSpec = z.output<typeof fields>;
