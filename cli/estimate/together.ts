// `anneal estimate FILE FILE…`: the memory of jobs that train together in one process on one base.
import { UserError } from '../../crds/index.ts';
import { packedPeak } from '../../crds/plan/packing.ts';
import { readJob } from '../client/read-job.ts';
import { requireShareable } from '../client/shareable.ts';
import { type Estimate, type EstimateContext, type EstimateOptions, estimate } from './estimate.ts';

export interface TogetherEstimate {
  /** Each by itself. */
  readonly jobs: readonly Estimate[];
  /** The device that they are judged by. */
  readonly device: string;
  /** Bytes of the process at most. */
  readonly peak: number;
  readonly limit: number;
  readonly fits: boolean;
}

type Options = Omit<EstimateOptions, 'file' | 'whatIf'>;

export async function estimateTogether(
  files: readonly string[],
  options: Options,
  context: EstimateContext,
): Promise<TogetherEstimate> {
  const once = describedOnce(context);
  const alone: Estimate[] = [];
  for (const file of files) {
    const { job } = await readJob(file, 'anywhere');
    requireShareable(file, job.spec.method);
    const found = await estimate({ ...options, file, whatIf: [] }, once);
    requireAlike(file, found, alone[0]);
    alone.push(found);
  }
  const jobs = await besideOthers(files, alone, options, once);
  const device = jobs[0]?.stages.device ?? '';
  const peak = packedPeak(
    jobs.map((job) => ({ kept: job.kept, base: job.base, peak: trainingPeak(job) })),
  );
  const limit = alone[0]?.devices.find(({ name }) => name === device)?.limit ?? 0;
  return { jobs, device, peak, limit, fits: peak <= limit };
}

/** A process reads the headers of a model; once for each model is enough. */
function describedOnce(context: EstimateContext): EstimateContext {
  const known = new Map<string, ReturnType<EstimateContext['describe']>>();
  return {
    ...context,
    describe(record) {
      const model = JSON.stringify([record.folder, record.spec.model]);
      const described = known.get(model) ?? context.describe(record);
      known.set(model, described);
      return described;
    },
  };
}

/** Each plans with what the others leave of the memory of this machine, as its trainer will. */
function besideOthers(
  files: readonly string[],
  alone: readonly Estimate[],
  options: Options,
  context: EstimateContext,
): Promise<readonly Estimate[]> {
  const all = alone.reduce((sum, { kept }) => sum + kept, 0);
  return Promise.all(
    files.map((file, i) => {
      const freeBytes = Math.max(0, context.freeBytes - all + (alone[i]?.kept ?? 0));
      return estimate({ ...options, file, whatIf: [] }, { ...context, freeBytes });
    }),
  );
}

/** Publishing is a process of its own, of one job at a time. */
export function trainingPeak({ stages }: Estimate): number {
  return Math.max(
    ...stages.rows.filter(({ stage }) => stage !== 'Publish').map(({ peak }) => peak),
  );
}

function requireAlike(file: string, found: Estimate, first: Estimate | undefined): void {
  const refuse = (message: string, hint: string): never => {
    throw new UserError({ code: 'E_USAGE', message: `${file}: ${message}`, hint });
  };
  if (found.ranks > 1) {
    refuse(
      `the job has ${found.ranks} workers or devices; jobs that train together have one`,
      'estimate it by itself',
    );
  }
  if (first === undefined) return;
  if (found.model.source !== first.model.source) {
    refuse(
      `the model is ${found.model.source}, and that of the first job ${first.model.source}; jobs that train together have one base`,
      'estimate it by itself',
    );
  }
  if (found.stages.device !== first.stages.device) {
    refuse(
      `the job is for ${found.stages.device}, and the first one for ${first.stages.device}`,
      'set spec.worker.devicesPerWorker alike',
    );
  }
}
