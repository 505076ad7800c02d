/** What one run came to. */
import * as z from 'zod';
import type { RunReport } from '../../../crds/wire/run-report.ts';

export const outcome = z.object({
  name: z.string(),
  seed: z.number(),
  /** Of the job's file: what is asked otherwise is another run. */
  digest: z.string(),
  learningRate: z.string(),
  method: z.string(),
  steps: z.number(),
  tokens: z.number(),
  heldOutTokens: z.number(),
  before: z.number(),
  /** Null where it was not finite. */
  after: z.number().nullable(),
  skippedSteps: z.number(),
  rollbacks: z.number(),
  stepMs: z.number(),
  peakBytes: z.number(),
  plannedBytes: z.number(),
  publishBytes: z.number().optional(),
  /** Time of processors of a step, which other work changes least; absent of earlier runs. */
  processorMs: z.number().optional(),
  /** Values that train; absent of earlier runs. */
  trained: z.number().optional(),
  /** Where it was evaluated on the way: what is held out, at the steps of then. */
  curve: z.array(z.object({ step: z.number(), loss: z.number().nullable() })).optional(),
  /** Wanting to run on the machine meanwhile, this run among them. */
  load: z.number(),
  endedAt: z.string(),
});

export type Outcome = z.output<typeof outcome>;

interface Asked {
  readonly name: string;
  readonly seed: number;
  readonly digest: string;
  readonly learningRate: string;
}

export function outcomeOf(asked: Asked, report: RunReport, load: number): Outcome {
  const { model, training, evaluation, memory } = report;
  const onTheWay = evaluation.all.length > 2;
  return outcome.parse({
    ...asked,
    method: report.job.summary,
    steps: training.steps,
    tokens: training.tokensSeen,
    heldOutTokens: evaluation.before?.tokens,
    before: evaluation.before?.loss,
    after: evaluation.after?.loss,
    skippedSteps: training.skippedSteps,
    rollbacks: training.rollbacks,
    stepMs: training.stepMs,
    processorMs: training.processorMs,
    peakBytes: memory.measured.peak,
    plannedBytes: memory.predicted?.peak,
    publishBytes: memory.publish?.measured,
    trained: model.trainableParameters,
    ...(onTheWay && { curve: evaluation.all.map(({ step, loss }) => ({ step, loss })) }),
    load,
    endedAt: report.end.endedAt,
  });
}
