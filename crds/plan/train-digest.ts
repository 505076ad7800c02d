// Identifies what is to be trained: with the same digest a training that ended can be used again.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { PreparedRecord } from '../wire/run-folder.ts';
import { digestOf } from './digest.ts';

/** Of the whole spec: the report of a training says more than what decides its numbers. */
export function trainDigest(spec: FineTuneJobSpec, { model, data }: PreparedRecord): string {
  return digestOf({ spec, model: model.digest, data: data.digest });
}
