/**
 * What one run came to: a line of JSON in a file that grows, so that a table that was cut off goes
 * on where it was.
 */
import { createHash } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { type BenchJob, documentOf } from '../run-job.ts';

const outcome = z.object({
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
  /** Wanting to run on the machine meanwhile, this run among them. */
  load: z.number(),
  endedAt: z.string(),
});

export type Outcome = z.output<typeof outcome>;

export function digestOf(job: BenchJob): string {
  return createHash('sha256')
    .update(JSON.stringify(documentOf(job)))
    .digest('hex')
    .slice(0, 16);
}

interface Asked {
  readonly name: string;
  readonly seed: number;
  readonly digest: string;
  readonly learningRate: string;
}

export function outcomeOf(asked: Asked, report: RunReport, load: number): Outcome {
  const { training, evaluation, memory } = report;
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
    peakBytes: memory.measured.peak,
    plannedBytes: memory.predicted?.peak,
    publishBytes: memory.publish?.measured,
    load,
    endedAt: report.end.endedAt,
  });
}

export async function addOutcome(file: string, one: Outcome): Promise<void> {
  await appendFile(file, `${JSON.stringify(one)}\n`);
}

/** Nothing where there is no file; a last line that was cut off counts as not there. */
export async function readOutcomes(file: string): Promise<readonly Outcome[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => outcome.parse(JSON.parse(line)));
}
