// `anneal run FILE FILE…`: jobs that share a base train together, in one process that loads it
// once. Each is prepared and published by itself, and is a run of its own: its folder, its
// checkpoints, its end. The same command goes on with those that had not ended.
import { resolve } from 'node:path';
import { resolveMethod, UserError } from '../../../crds/index.ts';
import { mostPacked } from '../../../crds/names/most-packed.ts';
import type { StageRole } from '../../../crds/stages/stage.ts';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import { trainTogether } from '../../client/local-pack.ts';
import { type LocalOutcome, runRole } from '../../client/local-run.ts';
import { resumable, runsOf } from '../../client/run-store.ts';
import { requireShareable } from '../../client/shareable.ts';
import { forgetDamaged, writtenBefore } from '../../client/written.ts';
import type { RunView } from '../../text/run-view.ts';
import { type BegunRun, begin } from './begin-run.ts';
import { chooseRun, type Planned, type RunContext, type RunOptions, recordOf } from './plan-run.ts';

interface TogetherContext extends RunContext {
  readonly viewOf: (job: string, width: number) => RunView;
}

export interface EndedJob {
  readonly job: string;
  readonly outcome: LocalOutcome;
}

type TogetherOptions = Omit<RunOptions, 'file'> & { readonly files: readonly string[] };

/** The outcomes of the jobs that ran, in the order of their files. */
export async function runTogether(
  { files, ...options }: TogetherOptions,
  context: TogetherContext,
): Promise<readonly EndedJob[]> {
  const startMs = context.now().getTime();
  const planned: (Planned & { readonly file: string })[] = [];
  for (const file of files) {
    planned.push({ file, ...(await recordOf({ ...options, file }, context)) });
  }
  requireTogether(planned, options.workers ?? 1);
  const left = options.fresh ? planned : await unfinished(planned, context);
  using locks = new DisposableStack();
  const width = Math.max(...left.map(({ record }) => record.name.length));
  const jobs: Job[] = [];
  for (const one of left) {
    const { record, file } = one;
    const chosen = await chooseRun(record, context.config.cache, options.fresh);
    const view = context.viewOf(record.name, width);
    const run = locks.use(begin(file, { ...one, ...chosen, startMs }, { ...context, view }));
    jobs.push({ job: record.name, run, variables: one.variables });
  }
  return runAll(jobs, context);
}

interface Job {
  readonly job: string;
  readonly run: BegunRun;
  readonly variables: Planned['variables'];
}

async function runAll(
  jobs: readonly Job[],
  { worker, now, stop, kill }: TogetherContext,
): Promise<readonly EndedJob[]> {
  const ended = new Map<Job, LocalOutcome>();
  const going = () => jobs.filter((job) => !ended.has(job));
  const after = (job: Job, stage: StageRole, outcome: LocalOutcome): void => {
    job.run.trace.ended(outcome);
    if (outcome.type !== 'Complete' || stage === 'publish') ended.set(job, outcome);
  };
  const alone = async (stage: 'prepare' | 'publish'): Promise<void> => {
    for (const job of going()) {
      if (stop.aborted) return;
      const { folder, onMessage, trace } = job.run;
      trace.began(stage);
      const role = { folder, worker, variables: job.variables, onMessage, stop, kill };
      const outcome = await runRole(role, stage);
      await forgetDamaged(folder, outcome);
      after(job, stage, outcome);
    }
  };
  await alone('prepare');
  const prepared: Job[] = [];
  for (const job of going()) {
    const before = await writtenBefore(job.run.folder, 'train', now());
    if (before === undefined) prepared.push(job);
    else job.run.onMessage(before);
  }
  if (prepared.length > 0 && !stop.aborted) {
    for (const { run } of prepared) run.trace.began('train');
    const [{ variables }] = prepared as [Job];
    const runs = prepared.map(({ run }) => run);
    const outcomes = await trainTogether(runs, { worker, variables, stop, kill });
    for (const [index, job] of prepared.entries()) {
      after(job, 'train', outcomes[index] ?? { type: 'Stopped' });
    }
  }
  await alone('publish');
  const all: EndedJob[] = [];
  for (const job of jobs) {
    const outcome = ended.get(job) ?? { type: 'Stopped' };
    await job.run.end(outcome);
    all.push({ job: job.job, outcome });
  }
  return all;
}

/** Of jobs that were killed together, those that had ended before stay as they are. */
async function unfinished<Job extends Planned>(
  planned: readonly Job[],
  { config, warn }: RunContext,
): Promise<readonly Job[]> {
  const complete: Job[] = [];
  let continues = false;
  for (const job of planned) {
    const runs = await runsOf(config.cache, job.record.name);
    const last = runs.at(-1);
    const isSame = last !== undefined && last.record.digest === job.record.digest;
    if (isSame && last.outcome?.state === 'Complete') complete.push(job);
    continues ||= resumable(runs, job.record.digest) !== null;
  }
  if (!continues) return planned;
  for (const { record } of complete) {
    warn(`${record.name} is complete, and the others go on; --fresh trains all of them again`);
  }
  return planned.filter((job) => !complete.includes(job));
}

type PlannedFile = Planned & { readonly file: string };

function requireTogether(planned: readonly PlannedFile[], workers: number): void {
  const refuse = (message: string, hint: string): never => {
    throw new UserError({ code: 'E_USAGE', message, hint });
  };
  if (planned.length > mostPacked) {
    refuse(
      `${planned.length} job files were given; at most ${mostPacked} train together`,
      'run some of them afterwards',
    );
  }
  if (workers > 1) {
    refuse(
      `--workers is ${workers}, and ${planned.length} job files were given; jobs that train together have one worker`,
      'leave --workers out, or run one job at a time',
    );
  }
  for (const [index, { file, record, devices }] of planned.entries()) {
    if (devices.length > 1) {
      refuse(
        `spec.worker.devicesPerWorker of ${file} is ${record.spec.worker.devicesPerWorker}; jobs that train together have one device`,
        'set it to 1, or run one job at a time',
      );
    }
    requireShareable(file, record.spec.method);
    const before = planned.slice(0, index);
    const named = before.find((other) => other.record.name === record.name);
    if (named !== undefined) {
      refuse(
        `${file} and ${named.file} are both jobs of the name ${record.name}; jobs that train together have names of their own`,
        'change metadata.name of one of them',
      );
    }
    const rounded = before.find((other) => roundsProducts(other) !== roundsProducts({ record }));
    if (rounded !== undefined) {
      refuse(
        `${file} and ${rounded.file} differ in spec.method.precision.float32.products, which is set for a whole process on ${record.device}`,
        'run one of them by itself, or set both alike',
      );
    }
    const place = placeOf(record);
    const same = before.find((other) => placeOf(other.record) === place);
    if (place !== undefined && same !== undefined) {
      refuse(
        `${file} and ${same.file} have the same spec.output.destination; each result needs a place of its own`,
        'change the destination of one of them',
      );
    }
  }
}

/** Whether products on the device are TF32: a setting of the process. */
function roundsProducts({ record: { device, spec } }: Pick<Planned, 'record'>): boolean {
  const { precision } = resolveMethod(spec.method);
  return device !== 'cpu' && precision.type === 'Float32' && precision.float32.products === 'TF32';
}

function placeOf({ folder, spec }: RunRecord): string | undefined {
  const { destination } = spec.output;
  const path = destination?.local?.path;
  return path === undefined ? destination && JSON.stringify(destination) : resolve(folder, path);
}
