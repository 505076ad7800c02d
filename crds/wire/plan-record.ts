// The immutable plan of a job: the file that every pod mounts. It holds what may not change while
// workers run, so that its digest is a name for it; the rest (`live`) comes by the bus, and by a
// variable of the pod for the time before the bus answers.
import * as z from 'zod';
import { type FineTuneJobSpec, fineTuneJobSpec } from '../api/job.ts';
import { mergeLive } from '../plan/live.ts';

export const planRecord = z.object({
  v: z.literal(1),
  job: z.object({ name: z.string(), namespace: z.string(), uid: z.string() }),
  /** The spec with its defaults and without the live fields. */
  spec: z.record(z.string(), z.unknown()),
  /**
   * The axes in force, presets resolved: for people, and for a worker that resolves differently
   * and must refuse.
   */
  method: z.unknown(),
});

export type PlanRecord = z.output<typeof planRecord>;

/** The whole spec again. */
export function specOf(plan: PlanRecord, live: unknown): FineTuneJobSpec {
  return fineTuneJobSpec.parse(mergeLive(plan.spec, live));
}
