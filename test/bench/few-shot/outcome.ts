/** What one run came to. */
import * as z from 'zod';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import type { FewShotRun } from './jobs.ts';

export const outcome = z.object({
  method: z.string(),
  source: z.string(),
  shots: z.number(),
  seed: z.number(),
  learningRate: z.string(),
  digest: z.string(),
  trained: z.number(),
  /** Shares of held-out pictures; before is zero-shot. */
  before: z.number(),
  after: z.number(),
  lastLoss: z.number().nullable(),
  stepMs: z.number(),
  peakBytes: z.number(),
  plannedBytes: z.number(),
  adapterBytes: z.number(),
  /** Wanting to run on the machine meanwhile, this run among them. */
  load: z.number(),
  endedAt: z.string(),
});

export type Outcome = z.output<typeof outcome>;

export function outcomeOf(
  run: FewShotRun & { readonly digest: string },
  { model, training, evaluation, memory, artifacts, end }: RunReport,
  load: number,
): Outcome {
  return outcome.parse({
    ...run,
    trained: model.trainableParameters,
    before: evaluation.before?.accuracy,
    after: evaluation.after?.accuracy,
    lastLoss: training.lastLoss,
    stepMs: training.stepMs,
    peakBytes: memory.measured.peak,
    plannedBytes: memory.predicted?.peak,
    adapterBytes: artifacts[0]?.bytes,
    load,
    endedAt: end.endedAt,
  });
}
