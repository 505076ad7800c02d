// How the model of a job is read.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { ReadOptions } from './family.ts';

/** With the seed that names the random streams of tensors which the files lack. */
export function readOptionsOf({
  dataset: { labels },
  training: { seed },
}: Pick<FineTuneJobSpec, 'dataset' | 'training'>): ReadOptions & { readonly seed: number } {
  return labels === undefined ? { seed } : { seed, labels: labels.length };
}
