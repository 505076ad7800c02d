// What a checkpoint holds beside tensors, so that a resumed run equals an uninterrupted one.
import * as z from 'zod';
import { attentionEntries } from '../../crds/wire/attention-entries.ts';
import { pictureLikeness } from '../../crds/wire/picture-likeness.ts';
import { wordErrors } from '../../crds/wire/word-errors.ts';

const real = z.number().nullable();

const evaluationPoint = z.object({
  step: z.int(),
  loss: real,
  perplexity: real,
  accuracy: real,
  likeness: pictureLikeness.optional(),
  wordErrors: wordErrors.optional(),
  /** Where objects are tracked: mean IoU of the found boxes with the right ones. */
  overlap: real.optional(),
  tokens: z.int(),
  attention: attentionEntries.optional(),
});

/** Of ranks that grow: by layer, as methods/adapters/rank-growth.ts has it. */
const rankGrowth = z.object({
  births: z.array(z.array(z.int()).readonly()).readonly(),
  importance: z.array(z.number()).readonly(),
  uncertainty: z.array(z.number()).readonly(),
});

/** Of formats that change: as methods/weights/adaptive-precision.ts has it. */
const adaptState = z.object({
  layers: z
    .array(
      z.object({
        bits: z.int(),
        fraction: z.int(),
        lookback: z.int(),
        resolution: z.int(),
        steps: z.int(),
        norms: z.number(),
        sum: z.array(z.number()).readonly(),
      }),
    )
    .readonly(),
  strategy: z.enum(['Min', 'Mean', 'Max']),
  losses: z.object({ sum: z.number(), count: z.int() }),
  meanBefore: real,
});

export const trainerState = z.object({
  /** Steps done, skipped ones included. */
  step: z.int(),
  /** Steps that updated parameters. */
  updates: z.int(),
  /**
   * Step counts of the existing optimizer state, by layer: exponents of Adam's bias corrections.
   */
  stepCounts: z.record(z.string(), z.int()),
  /** Absent before the first step, and where no ranks grow. */
  growth: rankGrowth.optional(),
  /** Absent where weights have no formats that change. */
  formats: adaptState.optional(),
  /** Global batches used. A rollback reduces `step` but not this, so that it skips the batch. */
  position: z.int(),
  tokensSeen: z.int(),
  skipsInRow: z.int(),
  rollbacks: z.int(),
  /** Product of the factors of all rollbacks. */
  learningRateFactor: z.number(),
  firstLoss: real,
  lastLoss: real,
  evaluations: z.array(evaluationPoint),
  /** Of held-out documents, in order: sums of the loss before the first step. */
  baseline: z.array(real).default([]),
  /** Evaluations since the last improvement. */
  stale: z.int(),
  best: z.object({ step: z.int(), value: z.number() }).nullable(),
  /** Step of the last complete evaluation, samples included. */
  evaluated: z.int().default(-1),
  /**
   * Answers to prompts: before the first step, at the best evaluation, at the last one.
   */
  samplesBefore: z.array(z.string()),
  /** Of the job, or of held-out records. */
  samplesOf: z.array(z.string()).default([]),
  samplesBest: z.array(z.string()).default([]),
  samplesLast: z.array(z.string()).default([]),
  /** Seconds of training in all processes of the run. */
  seconds: z.number(),
});

/** The fields that a rollback changes, and that a later rollback does not restore. */
export const rollbackAccount = trainerState.pick({
  position: true,
  rollbacks: true,
  learningRateFactor: true,
});

export type RollbackAccount = z.output<typeof rollbackAccount>;

export type TrainerState = z.output<typeof trainerState>;

export const freshState: TrainerState = {
  step: 0,
  updates: 0,
  stepCounts: {},
  position: 0,
  tokensSeen: 0,
  skipsInRow: 0,
  rollbacks: 0,
  learningRateFactor: 1,
  firstLoss: null,
  lastLoss: null,
  evaluations: [],
  baseline: [],
  stale: 0,
  best: null,
  evaluated: -1,
  samplesBefore: [],
  samplesOf: [],
  samplesBest: [],
  samplesLast: [],
  seconds: 0,
};
