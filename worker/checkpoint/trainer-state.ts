// What a checkpoint has to hold beside tensors for the run to go on as if nothing had happened.
import * as z from 'zod';

const real = z.number().nullable();

const evaluationPoint = z.object({
  step: z.int(),
  loss: real,
  perplexity: real,
  accuracy: real,
  tokens: z.int(),
});

export const trainerState = z.object({
  /** Steps done, skipped ones included. */
  step: z.int(),
  /** Steps that changed parameters. */
  updates: z.int(),
  /** Of the optimizer state that lives, by place: the exponent of Adam's bias corrections. */
  stepCounts: z.record(z.string(), z.int()),
  /** Global batches drawn. A rollback goes back in `step`, never here: it leaves the batch out. */
  position: z.int(),
  tokensSeen: z.int(),
  skipsInRow: z.int(),
  rollbacks: z.int(),
  /** What rollbacks have multiplied the learning rate by. */
  learningRateFactor: z.number(),
  firstLoss: real,
  lastLoss: real,
  evaluations: z.array(evaluationPoint),
  /** Evaluations since the last improvement. */
  stale: z.int(),
  best: z.object({ step: z.int(), value: z.number() }).nullable(),
  /** Step of the last evaluation that came to its end, samples included. */
  evaluated: z.int().default(-1),
  /**
   * Answers to the job's prompts: before the first step, at the best evaluation, at the last one.
   */
  samplesBefore: z.array(z.string()),
  samplesBest: z.array(z.string()).default([]),
  samplesLast: z.array(z.string()).default([]),
  /** Processor-independent: seconds of training, the time before a kill included. */
  seconds: z.number(),
});

/** What a rollback changes beside going back, and what no rollback takes back. */
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
  stale: 0,
  best: null,
  evaluated: -1,
  samplesBefore: [],
  samplesBest: [],
  samplesLast: [],
  seconds: 0,
};
