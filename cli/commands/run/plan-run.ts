// Which run a job file is on this machine: its record, and the folder that it goes on in or begins.
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type FineTuneJobSpec, UserError } from '../../../crds/index.ts';
import { sequencesPerStep } from '../../../crds/plan/batches.ts';
import { digestOf } from '../../../crds/plan/digest.ts';
import type { DeviceName } from '../../../crds/wire/device.ts';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import { readJob } from '../../client/read-job.ts';
import { lockJob, lockRun } from '../../client/run-lock.ts';
import {
  continueRun,
  createRun,
  resumable,
  runsOf,
  type StoredRun,
} from '../../client/run-store.ts';
import { type AskedDevice, chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import type { FoundDevices } from '../../devices/find-devices.ts';
import type { CliConfig } from '../../process/config.ts';

export interface RunOptions {
  readonly file: string;
  /** Of each worker. */
  readonly threads: number | undefined;
  /** Trainers that share the model. @default one for each device that the job asks for */
  readonly workers?: number | undefined;
  /** @default 'auto' */
  readonly device?: AskedDevice | undefined;
  /** Folder by claim name. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly steps: number | undefined;
  /** Start a new run even if one could be resumed. */
  readonly fresh: boolean;
}

export interface RunContext {
  readonly config: CliConfig;
  /** Main file of the worker process. */
  readonly worker: string;
  readonly now: () => Date;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly findDevices: () => Promise<FoundDevices>;
  /** Prints a sentence before or after the run. */
  readonly warn: (sentence: string) => void;
}

export interface ChosenRun {
  readonly run: StoredRun;
  readonly continued: boolean;
  /** The device of the run so far, where it is another one. */
  readonly movedFrom?: DeviceName;
  /** Keeps other commands out of the run folder. */
  readonly lock: Disposable;
}

export async function chooseRun(
  record: RunRecord,
  cache: string,
  fresh: boolean,
): Promise<ChosenRun> {
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
export function moved(from: DeviceName, to: DeviceName): string {
  return `the run was on ${from} and continues on ${to}: its losses differ in their last bits from those of a run that stays`;
}

export interface Planned {
  readonly record: RunRecord;
  /** By rank. */
  readonly devices: readonly DeviceName[];
  /** For the environment of workers. */
  readonly variables: Readonly<Record<string, string>>;
}

export async function recordOf(options: RunOptions, context: RunContext): Promise<Planned> {
  const { config, now, warn } = context;
  const { job } = await readJob(options.file, 'machine');
  const spec: FineTuneJobSpec =
    options.steps === undefined
      ? job.spec
      : {
          ...job.spec,
          training: { ...job.spec.training, maxSteps: options.steps, epochs: undefined },
        };
  const asked = options.device ?? 'auto';
  const found = needsLooking(asked, spec) ? await context.findDevices() : undefined;
  const { devices, note } = chooseDevices(asked, spec, options.workers, found);
  if (note !== undefined) warn(note);
  const workers = devices.length;
  requireShares(spec, options.workers, workers);
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

function requireShares(
  { training, dataset, worker: { devicesPerWorker } }: FineTuneJobSpec,
  asked: number | undefined,
  workers: number,
): void {
  const sequences = sequencesPerStep(training, dataset);
  if (sequences >= workers) return;
  const [path, value] =
    asked === undefined ? ['spec.worker.devicesPerWorker', devicesPerWorker] : ['--workers', asked];
  throw new UserError({
    ...{ code: 'E_USAGE', path, value },
    message: `${path} is ${value}, and a step of the job has ${sequences} sequences; each worker needs at least one`,
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
