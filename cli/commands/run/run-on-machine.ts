// `anneal run FILE`: runs the job on this machine, prints the worker's messages, and returns the
// outcome.
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type FineTuneJobSpec, isStorageFull, UserError } from '../../../crds/index.ts';
import { sequencesPerStep } from '../../../crds/plan/batches.ts';
import { digestOf } from '../../../crds/plan/digest.ts';
import type { DeviceName } from '../../../crds/wire/device.ts';
import type { OutcomeRecord, RunRecord } from '../../../crds/wire/run-folder.ts';
import { type LocalOutcome, runStages } from '../../client/local-run.ts';
import { readJob } from '../../client/read-job.ts';
import { lockJob, lockRun } from '../../client/run-lock.ts';
import {
  continueRun,
  createRun,
  foundModel,
  reportOf,
  resumable,
  runsOf,
  type StoredRun,
  writeOutcome,
} from '../../client/run-store.ts';
import { openRunTrace, type RunTrace } from '../../client/run-trace.ts';
import { type AskedDevice, chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import type { FoundDevices } from '../../devices/find-devices.ts';
import type { CliConfig } from '../../process/config.ts';
import type { RunView } from '../../text/run-view.ts';

export interface RunOptions {
  readonly file: string;
  /** Of each worker. */
  readonly threads: number | undefined;
  /** Trainers that share the model. */
  readonly workers?: number | undefined;
  /** @default 'auto' */
  readonly device?: AskedDevice | undefined;
  /** Folder by claim name. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly steps: number | undefined;
  /** Start a new run even if one could be resumed. */
  readonly fresh: boolean;
}

interface RunContext {
  readonly config: CliConfig;
  /** Main file of the worker process. */
  readonly worker: string;
  readonly view: RunView;
  readonly now: () => Date;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly findDevices: () => Promise<FoundDevices>;
  /** Prints a sentence before or after the run. */
  readonly warn: (sentence: string) => void;
}

export async function runCommand(options: RunOptions, context: RunContext): Promise<LocalOutcome> {
  const { config, view, now } = context;
  const startMs = now().getTime();
  const { record, devices, variables } = await recordOf(options, context);
  const { run, continued, movedFrom, lock } = await chooseRun(record, config.cache, options.fresh);
  using _lock = lock;
  if (movedFrom !== undefined) context.warn(moved(movedFrom, record.device));
  view.begin(run, continued);
  const trace = traceOf(record, startMs, context);
  const outcome = await runStages(
    {
      folder: run.folder,
      worker: context.worker,
      variables,
      onMessage: (message) => {
        view.see(message);
        trace.hear(message);
      },
      onStage: trace,
      stop: context.stop,
      kill: context.kill,
      world: { size: devices.length, policy: record.spec.failurePolicy, devices },
    },
    'prepare',
  );
  await writeOutcome(run.folder, outcomeOf(outcome, now())).catch((error: unknown) => {
    // Without a recorded outcome the run counts as killed: the same command resumes it, and the
    // error of the worker is shown.
    if (!isStorageFull(error)) throw error;
  });
  await view.end({
    file: options.file,
    run,
    outcome,
    report: await reportOf(run.folder),
    model: await foundModel(run.folder),
  });
  await trace.close(outcome);
  return outcome;
}

function traceOf(
  { name, namespace, spec }: RunRecord,
  startMs: number,
  { config, now, warn }: RunContext,
): RunTrace {
  return openRunTrace({
    settings: config.traces,
    traceparent: config.traceparent,
    sampling: spec.observability.traceSampling,
    attributes: { 'anneal.job': name, 'anneal.namespace': namespace },
    ...{ startMs, now, warn },
  });
}

interface ChosenRun {
  readonly run: StoredRun;
  readonly continued: boolean;
  /** The device of the run so far, where it is another one. */
  readonly movedFrom?: DeviceName;
  /** Keeps other commands out of the run folder. */
  readonly lock: Disposable;
}

async function chooseRun(record: RunRecord, cache: string, fresh: boolean): Promise<ChosenRun> {
  using _choosing = lockJob(cache, record.name);
  const runs = await runsOf(cache, record.name);
  const known = fresh ? null : resumable(runs, record.digest);
  if (known === null) {
    const run = await createRun(cache, runs, record);
    return { run, continued: false, lock: lockRun(run) };
  }
  const lock = lockRun(known);
  const { device } = known.record;
  return {
    run: await continueRun(known, record),
    continued: true,
    ...(device === record.device ? {} : { movedFrom: device }),
    lock,
  };
}

/** Checkpoints are the same on all devices; sums of products are not. */
function moved(from: DeviceName, to: DeviceName): string {
  return `the run was on ${from} and continues on ${to}: its losses differ in their last bits from those of a run that stays`;
}

interface Planned {
  readonly record: RunRecord;
  /** By rank. */
  readonly devices: readonly DeviceName[];
  /** For the environment of workers. */
  readonly variables: Readonly<Record<string, string>>;
}

async function recordOf(options: RunOptions, context: RunContext): Promise<Planned> {
  const { config, now, warn } = context;
  const { job } = await readJob(options.file, 'machine');
  const spec: FineTuneJobSpec =
    options.steps === undefined
      ? job.spec
      : {
          ...job.spec,
          training: { ...job.spec.training, maxSteps: options.steps, epochs: undefined },
        };
  const workers = options.workers ?? 1;
  requireShares(spec, workers);
  const asked = options.device ?? 'auto';
  const found = needsLooking(asked, spec) ? await context.findDevices() : undefined;
  const { devices, note } = chooseDevices(asked, spec, workers, found);
  if (note !== undefined) warn(note);
  const [device = 'cpu'] = devices;
  const share = Math.max(1, Math.floor(availableParallelism() / workers));
  const record: RunRecord = {
    version: 1,
    name: job.metadata.name ?? 'job',
    namespace: job.metadata.namespace ?? 'default',
    folder: dirname(resolve(options.file)),
    spec,
    digest: resultDigest(spec),
    volumes: options.volumes,
    cache: config.cache,
    device,
    ...productOf(device, found),
    threads: options.threads ?? config.threads ?? share,
    workers,
    createdAt: now().toISOString(),
  };
  return { record, devices, variables: device === 'cpu' ? {} : (found?.variables ?? {}) };
}

function productOf(device: DeviceName, found: FoundDevices | undefined) {
  const card = device === 'cpu' ? undefined : found?.cards[Number(device.slice('cuda:'.length))];
  return card === undefined ? {} : { deviceProduct: card.name };
}

function requireShares({ training, dataset }: FineTuneJobSpec, workers: number): void {
  const sequences = sequencesPerStep(training, dataset);
  if (sequences >= workers) return;
  throw new UserError({
    code: 'E_USAGE',
    path: '--workers',
    value: workers,
    message: `--workers is ${workers}, and a step of the job has ${sequences} sequences; each worker needs at least one`,
    hint: `use --workers ${sequences}, or raise spec.training.globalBatchSize`,
  });
}

/**
 * Digest of the fields that determine the trained weights: not destinations, nor how often to save.
 */
export function resultDigest({ model, dataset, method, training }: FineTuneJobSpec): string {
  const { samples: _samples, ...decisive } = training;
  return digestOf({ model, dataset, method, training: decisive });
}

function outcomeOf(outcome: LocalOutcome, at: Date): OutcomeRecord {
  const endedAt = at.toISOString();
  if (outcome.type !== 'Failed') return { version: 1, state: outcome.type, endedAt };
  const { code, message, hint } = outcome.error;
  return { version: 1, state: 'Failed', code, message, hint, endedAt };
}
