/** The run of a method for one seed: what all runs of a series have in common. */
import type { BenchJob } from '../run-job.ts';
import type { SeedJob } from './jobs.ts';

export interface SeriesLength {
  readonly steps: number;
  /** Steps between evaluations; null for one before and one after. */
  readonly every: number | null;
}

/** Where the command line names no other; `tokens` is the most that a step has. */
export const usualSeries = { steps: 24, every: null, seeds: [1, 2, 3], tokens: 512 } as const;

export function askedOf(
  { learningRate, against, ...job }: SeedJob,
  seed: number,
  { steps, every }: SeriesLength,
): BenchJob {
  return {
    ...job,
    ...{ name: `${job.name.replace('@', '-')}-${seed}`, steps },
    dataset: {
      ...{ maxSamples: 240, heldOut: { samples: 64 }, shuffleSeed: seed },
      tokensPerSequence: usualSeries.tokens,
      ...job.dataset,
    },
    training: {
      ...{ learningRate, seed, schedule: { type: 'Cosine', warmupSteps: 4 } },
      ...(every === null ? {} : { evaluation: { intervalSteps: every } }),
      ...job.training,
    },
  };
}
