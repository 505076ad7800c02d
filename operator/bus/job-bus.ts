// The bus as the reconciler needs it: a mirror of the records of all jobs, kept by watches, and a
// few writes. Reading never waits; a bus that is away is a fact like any other.
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type { DesiredRecord, JobRecord, StateRecord } from '../../crds/wire/state.ts';
import type { JobOnBus } from '../../crds/wire/subjects.ts';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import type { BusFacts } from '../job/facts.ts';

export interface NewRound {
  readonly from: number;
  readonly cause: RendezvousCause;
  readonly workerRevision: number;
  readonly restarts: StateRecord['restarts'];
  readonly lost?: readonly string[];
}

export interface JobBus {
  facts(job: JobOnBus): BusFacts;
  /** Last step, evaluation and stage that the pods told. */
  progress(job: JobOnBus): BusProgress | undefined;
  /** Called when anything about a job changed, or about all of them (undefined). */
  subscribe(listener: (job: JobOnBus | undefined) => void): Disposable;
  /** Jobs of which something lies on the bus. */
  jobs(): readonly JobOnBus[];
  /** From here on pods may speak of the job. */
  admit(job: JobOnBus, record: JobRecord, signal: AbortSignal): Promise<void>;
  writeDesired(job: JobOnBus, record: DesiredRecord, signal: AbortSignal): Promise<void>;
  /** Creates the record; that there is one already is fine. */
  initState(job: JobOnBus, record: StateRecord, signal: AbortSignal): Promise<void>;
  /** Compare-and-set; that another round is there by now is fine. */
  openRound(job: JobOnBus, next: NewRound, signal: AbortSignal): Promise<void>;
  /** Removes every key and message of a job; nobody may speak of it any more. */
  purge(job: JobOnBus, signal: AbortSignal): Promise<void>;
  /** Removes records of rounds that nobody needs any more. */
  prune(signal: AbortSignal): Promise<void>;
}

export interface BusProgress {
  readonly step: TelemetryOf<'step'> | undefined;
  readonly evaluation: TelemetryOf<'evaluation'> | undefined;
  /** Work that is not a step: fetching, loading, uploading. */
  readonly stage: TelemetryOf<'stage'> | undefined;
}

/** A site without a bus: jobs of one worker, which tell how they ended by how they end. */
export const noBus: JobBus = {
  facts: () => ({ type: 'Absent' }),
  progress: () => undefined,
  subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  jobs: () => [],
  admit: () => Promise.resolve(),
  writeDesired: () => Promise.resolve(),
  initState: () => Promise.resolve(),
  openRound: () => Promise.resolve(),
  purge: () => Promise.resolve(),
  prune: () => Promise.resolve(),
};
