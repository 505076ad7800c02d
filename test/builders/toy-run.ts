// A run of the worker in this process: the roles one after the other on a folder, as main.ts starts
// them.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { readJob } from '../../cli/client/read-job.ts';
import { resultDigest } from '../../cli/commands/run/plan-run.ts';
import { systemClock } from '../../crds/clock.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  type TrainedRecord,
  trainedRecord,
} from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { prepareRole } from '../../worker/prepare/prepare-role.ts';
import { publishRole } from '../../worker/publish/publish.ts';
import type { Role } from '../../worker/role.ts';
import { requireRecord, writeRecord } from '../../worker/run-folder.ts';
import { trainRole } from '../../worker/train/role.ts';
import { temporaryFolder } from '../doubles/sources.ts';
import { type ToyJobOptions, writeToyJob } from '../toy/toy-job.ts';

/** In a folder that goes with the test. */
export async function aToyRun(
  t: ExecutionContext,
  options: ToyJobOptions,
  device?: DeviceName,
): Promise<ToyRun> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  return ToyRun.make(folder.path, options, device);
}

/** Trains to the end, stopped after step `at`: the next process goes on from there. */
export async function trainWithStop(t: ExecutionContext, run: ToyRun, at: number): Promise<void> {
  run.onMessage = (message) => {
    if (message.type === 'step' && message.step === at) run.stop();
  };
  await t.throwsAsync(run.train(), { name: 'AbortError' });
  run.startAgain();
  await run.train();
  t.is(run.ofType('plan')[0]?.firstStep, at);
}

export class ToyRun {
  readonly folder: string;
  /** Where the artefacts go. */
  readonly destination: string;
  readonly record: RunRecord;
  readonly messages: TelemetryBody[] = [];
  #stop = new AbortController();
  /** Called with each message; a test may stop the run here. */
  onMessage: (message: TelemetryBody) => void = () => {};

  /** @default on the processor */
  static async make(
    root: string,
    options: ToyJobOptions,
    device: DeviceName = 'cpu',
  ): Promise<ToyRun> {
    const { file, destination } = await writeToyJob(root, options);
    return ToyRun.of(file, join(root, 'run'), destination, device);
  }

  /** Of the job in a file, whose paths begin in the file's folder. */
  static async of(
    file: string,
    folder: string,
    destination: string,
    device: DeviceName = 'cpu',
  ): Promise<ToyRun> {
    const { job } = await readJob(file, 'machine');
    const { name = 'toy' } = job.metadata;
    await mkdir(folder, { recursive: true });
    const root = dirname(file);
    const record: RunRecord = {
      ...{ version: 1, name, namespace: 'default', folder: root },
      ...{ spec: job.spec, digest: resultDigest(job.spec), volumes: {} },
      ...{ cache: join(root, 'cache'), device, threads: 1, createdAt: '2026-01-01T00:00:00Z' },
    };
    await writeRecord(folder, runFiles.run, runRecord, record);
    return new ToyRun(folder, destination, record);
  }

  private constructor(folder: string, destination: string, record: RunRecord) {
    this.folder = folder;
    this.destination = destination;
    this.record = record;
  }

  prepare(): Promise<void> {
    return this.#perform(prepareRole);
  }

  train(): Promise<void> {
    return this.#perform(trainRole);
  }

  publish(): Promise<void> {
    return this.#perform(publishRole);
  }

  /** Somebody wants the run to save and stop, until it is started again. */
  stop(): void {
    this.#stop.abort();
  }

  startAgain(): void {
    this.#stop = new AbortController();
    this.messages.length = 0;
    this.onMessage = () => {};
  }

  /** As a process that finds another job finds it. */
  async change(spec: Partial<RunRecord['spec']>): Promise<void> {
    const changed = { ...this.record, spec: { ...this.record.spec, ...spec } };
    await writeRecord(this.folder, runFiles.run, runRecord, changed);
  }

  async all(): Promise<RunReport> {
    await this.prepare();
    await this.train();
    await this.publish();
    return requireRecord(this.folder, runFiles.report, runReport);
  }

  prepared(): Promise<PreparedRecord> {
    return requireRecord(this.folder, runFiles.prepared, preparedRecord);
  }

  trained(): Promise<TrainedRecord> {
    return requireRecord(this.folder, runFiles.trained, trainedRecord);
  }

  ofType<T extends TelemetryBody['type']>(type: T): readonly Extract<TelemetryBody, { type: T }>[] {
    return this.messages.filter(
      (message): message is Extract<TelemetryBody, { type: T }> => message.type === type,
    );
  }

  #perform(role: Role): Promise<void> {
    return role({
      folder: this.folder,
      config: { cache: this.record.cache, variables: {} },
      clock: systemClock,
      emit: (message) => {
        this.messages.push(message);
        this.onMessage(message);
      },
      stop: this.#stop.signal,
    });
  }
}
