// How much a job without records computes in a step: known without a model in memory.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { invariant } from '../../crds/failures/errors.ts';
import { sequencesPerStep, splitEvenly } from '../../crds/plan/batches.ts';
import { passesOf, trajectorySequences } from '../../crds/plan/trajectory.ts';
import type { FeedSizes } from '../data/feed.ts';
import type { ModelConfig } from '../families/family.ts';

type Spec = Pick<FineTuneJobSpec, 'training' | 'dataset'>;

export function trajectorySizes(
  { training, dataset }: Spec,
  { contextLength }: Pick<ModelConfig, 'contextLength'>,
  ranks = 1,
): FeedSizes {
  const perStep = sequencesPerStep(training, dataset);
  invariant(perStep >= ranks, `${ranks} workers share ${perStep} trajectories of a step`);
  // What trains nothing has no trajectories, and a step of any.
  const sequences = trajectorySequences(training, perStep) ?? perStep;
  const most = Math.ceil(perStep / ranks);
  const microBatchSize = Math.min(training.microBatchSize ?? 1, most);
  const tokens = passesOf(training) * contextLength;
  return {
    ...{ sequences, sequencesPerStep: perStep, microBatchSize },
    ...{ largestSequence: tokens, largestMicroBatch: microBatchSize * tokens },
    ...{ largestEvaluationSequence: 0, targetShare: 1 / contextLength, textTokens: 0 },
  };
}

/** Numbers of the trajectories of a rank, in groups that are computed at once. */
export function membersOf(
  { sequencesPerStep: all, microBatchSize }: FeedSizes,
  { rank, size }: { readonly rank: number; readonly size: number },
): readonly (readonly number[])[] {
  const shares = splitEvenly(all, size);
  const first = shares.slice(0, rank).reduce((sum, count) => sum + count, 0);
  const own = Array.from({ length: shares[rank] ?? 0 }, (_, i) => first + i);
  const groups = Math.ceil(own.length / microBatchSize);
  return Array.from({ length: groups }, (_, i) =>
    own.slice(i * microBatchSize, (i + 1) * microBatchSize),
  );
}
