// What preparing is asked to put in place, as a name: as long as it stays the same, it need not be
// done again.
import type { FineTuneJobSpec } from '../api/job.ts';
import { digestOf } from './digest.ts';

export function prepareDigest({ model, dataset }: FineTuneJobSpec): string {
  return digestOf({ model, dataset });
}
