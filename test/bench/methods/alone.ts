// Runs the steps of a job alone, in a process as a worker's.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { MemoryPlan } from '../../../crds/plan/memory.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { type BenchJob, documentOf } from '../run-job.ts';
import { median } from '../train/table.ts';
import type { MethodRun } from './methods-table.ts';
import type { StepTime } from './step-runner.ts';

export interface AloneRequest {
  /** As the file of the job has it. */
  readonly document: object;
  /** A folder. */
  readonly model: string;
  readonly steps: number;
}

export interface AloneResult {
  readonly steps: readonly StepTime[];
  readonly peak: number;
  readonly predicted: Pick<MemoryPlan, 'peak' | 'parts'>;
}

/** Methods that need something done before their first step, which steps alone have not. */
export const notAlone: readonly string[] = ['owlore', 'pv-tuning'];

export async function runAlone(
  job: BenchJob,
  model: string,
  signal: AbortSignal,
): Promise<MethodRun> {
  const request: AloneRequest = { document: documentOf(job), model, steps: job.steps };
  const words = [...workerNodeArguments('train'), join(import.meta.dirname, 'steps-alone.ts')];
  const { stdout } = await execa(process.execPath, words, {
    input: JSON.stringify(request),
    env: { OMP_NUM_THREADS: String(availableParallelism()) },
    cancelSignal: signal,
  });
  // The other file writes exactly this.
  const { steps, peak, predicted } = JSON.parse(stdout) as AloneResult;
  const warm = steps.slice(1);
  return {
    stepMs: median(warm.map(({ wallMs }) => wallMs)),
    processorMs: median(warm.map(({ processorMs }) => processorMs)),
    peak,
    predicted: { peak: predicted.peak, weights: predicted.parts.weights },
  };
}
