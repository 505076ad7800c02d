// How the model of a job is read.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { ReadOptions } from './family.ts';

/** With the seed that names the random streams of tensors which the files lack. */
export function readOptionsOf({
  model: { initialization },
  dataset: { labels },
  training: { seed },
}: Pick<FineTuneJobSpec, 'model' | 'dataset' | 'training'>): ReadOptions & {
  readonly seed: number;
} {
  const own = { seed, fromScratch: initialization === 'FromScratch' };
  return labels === undefined ? own : { ...own, labels: labels.length };
}
