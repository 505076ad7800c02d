// An object of the cluster as a job. One that cannot be read must not hide the others, and the
// commands that stop or delete it must still reach it.
import type * as z from 'zod';
import { fineTuneJobSpec } from '../../crds/api/job.ts';
import { status } from '../../crds/api/status.ts';
import { jobSchema } from '../../crds/tree/schema-tree.ts';
import type { Job } from './job.ts';
import { readPart, unreadOf } from './read-part.ts';
import { metadataOf } from './stored-metadata.ts';

export function readJobObject(object: object): Job {
  const { generation: _, ...metadata } = metadataOf(object);
  const spec = readPart(object, {
    name: 'spec',
    schema: fineTuneJobSpec,
    root: jobSchema,
    blank: blankSpec,
  });
  const now = readPart(object, {
    name: 'status',
    schema: status,
    root: jobSchema,
    blank: () => ({}),
  });
  const unread = unreadOf([spec, now]);
  return {
    ...{ ...metadata, spec: spec.value, status: now.value, object },
    ...(unread === undefined ? {} : { unread }),
  };
}

/** Replaces required members that cannot be read; its values are never shown. */
function blankSpec(): z.input<typeof fineTuneJobSpec> {
  const location = { local: { path: '/unread' } };
  return {
    model: { source: location },
    dataset: { train: location, sequenceLength: 1024 },
    method: { preset: 'LoRA' },
    training: { epochs: '1', globalBatchSize: 1, learningRate: '1e-4' },
    output: { destination: location },
  };
}
