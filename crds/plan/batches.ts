// From the global batch to what one device computes at once: ranks, waves, micro-batches. Who
// computes a sequence never changes the result: the global batch is what the job says, and the loss
// is divided by its target tokens.
import type { Dataset } from '../api/dataset.ts';
import type { FineTuneJobSpec } from '../api/job.ts';
import type { Training } from '../api/training.ts';
import { invariant } from '../failures/errors.ts';

/**
 * Tokens of one sequence at most: a sequence when packed, else the longest document. `picture` is
 * the length of a picture, where documents are pictures.
 */
export function tokensPerSequence(dataset: Dataset, picture?: number): number {
  const { packing, tokensPerSequence, sequenceLength = picture } = dataset;
  const tokens = packing === 'Packed' ? (tokensPerSequence ?? sequenceLength) : sequenceLength;
  invariant(tokens !== undefined, 'documents of no length');
  return tokens;
}

/**
 * Tokens of the largest sequence of an evaluation: always packed, since the loss does not depend on
 * it; of pictures and sounds as many as are computed at once.
 */
export function evaluatedTokens(
  { dataset, training, model }: Pick<FineTuneJobSpec, 'dataset' | 'training' | 'model'>,
  picture?: number,
): number {
  const { microBatchSize = 1 } = training;
  if (model.task === 'SpeechToText') return microBatchSize * tokensPerSequence(dataset);
  return picture === undefined ? tokensPerSequence(dataset) : microBatchSize * picture;
}

/** Sequences of one step over all devices, however the job counts them. */
export function sequencesPerStep(training: Training, dataset: Dataset): number {
  if (training.globalBatchSize !== undefined) return training.globalBatchSize;
  invariant(training.globalBatchTokens !== undefined, 'a job has no global batch');
  return training.globalBatchTokens / tokensPerSequence(dataset);
}

/** Sizes of `parts` shares of `count` things: equal, or larger by one for the first. */
export function splitEvenly(count: number, parts: number): readonly number[] {
  const small = Math.floor(count / parts);
  const larger = count - small * parts;
  return Array.from({ length: parts }, (_, index) => small + (index < larger ? 1 : 0));
}

export interface BatchPlan {
  readonly sequences: number;
  /** Sequences of the rank that has most. */
  readonly perRank: number;
  /** Sequences that a device computes at once. */
  readonly microBatchSize: number;
  /** Micro-batches of a step on the rank that has most: A. */
  readonly microBatches: number;
  /** Micro-batches that pass through a block before the next block: a. */
  readonly perWave: number;
  readonly waves: number;
}

interface BatchQuestion {
  readonly sequences: number;
  readonly ranks: number;
  readonly microBatchSize: number;
  readonly waves: number;
}

export function planBatches({ sequences, ranks, microBatchSize, waves }: BatchQuestion): BatchPlan {
  const perRank = Math.ceil(sequences / ranks);
  const size = Math.min(microBatchSize, perRank);
  const microBatches = Math.ceil(perRank / size);
  const perWave = Math.ceil(microBatches / Math.min(waves, microBatches));
  return {
    sequences,
    perRank,
    microBatchSize: size,
    microBatches,
    perWave,
    waves: Math.ceil(microBatches / perWave),
  };
}

/**
 * Which rank takes which sequence of a batch: the most expensive first, each to the rank with the
 * least to do, ties to the lower index. Ranks keep their sequences in the order of the batch.
 */
export function assignToRanks(
  costs: readonly number[],
  ranks: number,
): readonly (readonly number[])[] {
  const order = [...costs.keys()].sort((a, b) => (costs[b] ?? 0) - (costs[a] ?? 0) || a - b);
  const loads = new Array<number>(ranks).fill(0);
  const taken = Array.from({ length: ranks }, (): number[] => []);
  for (const index of order) {
    const rank = loads.indexOf(Math.min(...loads));
    loads[rank] = (loads[rank] ?? 0) + (costs[index] ?? 0);
    taken[rank]?.push(index);
  }
  return taken.map((indices) => indices.sort((a, b) => a - b));
}
