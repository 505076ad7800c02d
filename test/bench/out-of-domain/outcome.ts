/** What one run came to, or Whisper as it is. */
import * as z from 'zod';
import type { RunReport } from '../../../crds/wire/run-report.ts';

const heard = z.object({ loss: z.number(), errors: z.number(), words: z.number() });

export const outcome = z.object({
  /** `none` is Whisper as it is. */
  method: z.string(),
  seed: z.number(),
  digest: z.string(),
  learningRate: z.string(),
  heard: z.record(z.string(), heard),
  training: z
    .object({
      ...{ steps: z.number(), trained: z.number(), lastLoss: z.number().nullable() },
      ...{ stepMs: z.number(), peakBytes: z.number(), plannedBytes: z.number() },
      adapterBytes: z.number(),
    })
    .optional(),
  /** Wanting to run on the machine meanwhile, this run among them. */
  load: z.number(),
});

export type Outcome = z.output<typeof outcome>;

export function trainingOf({ model, training, memory, artifacts }: RunReport) {
  return {
    ...{ steps: training.steps, trained: model.trainableParameters, lastLoss: training.lastLoss },
    stepMs: training.stepMs ?? Number.NaN,
    peakBytes: memory.measured.peak,
    plannedBytes: memory.predicted?.peak ?? Number.NaN,
    adapterBytes: artifacts.find(({ format }) => format === 'PEFTAdapter')?.bytes ?? Number.NaN,
  };
}
