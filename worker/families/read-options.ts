// How the model of a job is read.
import { usualTracking } from '../../crds/api/tracking.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { ReadOptions } from './family.ts';

/** With the seed that names the random streams of tensors which the files lack. */
export function readOptionsOf({
  model: { initialization, task },
  dataset: { labels, tracking },
  training: { seed, architectureSearch },
}: Pick<FineTuneJobSpec, 'model' | 'dataset' | 'training'>): ReadOptions & {
  readonly seed: number;
} {
  const { template, search } = tracking ?? usualTracking;
  const own = {
    ...{ seed, fromScratch: initialization === 'FromScratch' },
    ...(architectureSearch && { surrogate: architectureSearch.surrogate }),
    ...(task === 'Tracking' && { tracking: { template, search } }),
  };
  return labels === undefined ? own : { ...own, labels: labels.length };
}
