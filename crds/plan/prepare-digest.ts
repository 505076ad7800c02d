// Identifies what is to be prepared: with the same digest a preparation can be reused.
import type { FineTuneJobSpec } from '../api/job.ts';
import { digestOf } from './digest.ts';

export function prepareDigest({ model, dataset }: FineTuneJobSpec): string {
  return digestOf({ model, dataset });
}
