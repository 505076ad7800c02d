// The number of optimizer steps of a job, and the learning rate of each. Steps count from 0 here:
// step s is the update before checkpoint s + 1.
import type { Schedule } from '../api/training.ts';
import { invariant } from '../failures/errors.ts';
import { parseDecimal } from '../schema/decimal.ts';

interface Amount {
  readonly maxSteps?: number | undefined;
  /** A decimal. */
  readonly epochs?: string | undefined;
}

/**
 * Steps of the whole job. `sequences` is the size of one epoch: documents, or packed sequences. A
 * batch that reaches the end of the data continues with the next epoch, so all batches have the
 * same size.
 */
export function totalSteps(amount: Amount, sequences: number, batch: number): number {
  if (amount.maxSteps !== undefined) return amount.maxSteps;
  invariant(amount.epochs !== undefined, 'a job has neither maxSteps nor epochs');
  return Math.max(1, Math.ceil(roundNoise((parseDecimal(amount.epochs) * sequences) / batch)));
}

/** Epochs after so many steps. */
export function epochAt(steps: number, sequences: number, batch: number): number {
  return sequences === 0 ? 0 : (steps * batch) / sequences;
}

interface LearningRate {
  readonly schedule: Schedule;
  /** Peak rate; a decimal. */
  readonly learningRate: string;
  readonly totalSteps: number;
}

/**
 * The rate of step s. It rises linearly over warmupSteps, never 0, peaks at step warmupSteps, and
 * would reach its end (minRatio) one step after the last.
 */
export function learningRateAt(
  { schedule, learningRate, totalSteps: total }: LearningRate,
  s: number,
): number {
  return parseDecimal(learningRate) * ratioAt(schedule, total, s);
}

export function ratioAt(schedule: Schedule, total: number, s: number): number {
  const { warmupSteps: warmup } = schedule;
  if (s < warmup) return (s + 1) / (warmup + 1);
  const low = parseDecimal(schedule.minRatio);
  const fall = (share: number) => 1 - (1 - low) * Math.min(1, Math.max(0, share));
  const after = Math.max(1, total - warmup);
  switch (schedule.type) {
    case 'Constant':
      return 1;
    case 'Linear':
      return fall((s - warmup) / after);
    case 'Cosine':
      return fall((1 - Math.cos((Math.PI * Math.min(after, s - warmup)) / after)) / 2);
    case 'WarmupStableDecay': {
      const decay = decayStepsOf(schedule, total);
      return fall((s - (total - decay)) / decay);
    }
    default:
      return schedule.type satisfies never;
  }
}

/** The steps over which WarmupStableDecay falls; at most those after the warm-up. */
export function decayStepsOf({ decaySteps, warmupSteps }: Schedule, total: number): number {
  const wanted = decaySteps ?? Math.ceil(total / 10);
  return Math.max(1, Math.min(wanted, total - warmupSteps));
}

/** Removes the noise of binary fractions: 0.1 * 30 is 3, not 3.0000000000000004. */
function roundNoise(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value - nearest) < 1e-9 * Math.max(1, Math.abs(value)) ? nearest : value;
}
