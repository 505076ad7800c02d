// Where jobs are: this machine or a cluster. Commands and screens know only this; the two
// implementations are local-source.ts and cluster-source.ts. Everything that goes on ends with its
// signal.
import type { PodEvent } from '../../crds/wire/pod-messages.ts';
import type { HeartbeatRecord } from '../../crds/wire/state.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { Job } from './job.ts';
import type { Surroundings } from './surroundings.ts';

/** What changed, or that nobody can be asked. */
export type JobsChange =
  /** All jobs, once at the beginning and after every cut. */
  | { readonly type: 'All'; readonly jobs: readonly Job[] }
  | { readonly type: 'Changed'; readonly job: Job }
  | { readonly type: 'Gone'; readonly job: Job }
  | { readonly type: 'Away'; readonly why: string };

/** What a worker says, or that nobody hears it. */
export type Heard =
  | { readonly type: 'Message'; readonly index: number; readonly message: Telemetry }
  | { readonly type: 'Heartbeat'; readonly index: number; readonly heartbeat: HeartbeatRecord }
  | { readonly type: 'PodEvent'; readonly event: PodEvent }
  | { readonly type: 'Log'; readonly line: LogLine }
  /** Everything that was kept has been told. */
  | { readonly type: 'UpToDate' }
  | { readonly type: 'Away'; readonly why: string };

export interface LogLine {
  /** Seconds since 1970. */
  readonly time: number;
  /** Number of the worker. */
  readonly index: number;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly text: string;
}

/** Told by the cluster about the job: an Event. */
export interface Happening {
  readonly time: number;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

export interface Follow {
  /** Go on after what there is. */
  readonly follow: boolean;
}

export interface LogsAsked extends Follow {
  /** The container before the last restart, where the source still has it. */
  readonly previous: boolean;
  /** What the operator says of the job, not its workers. */
  readonly operator?: boolean;
}

export interface JobSource extends AsyncDisposable {
  readonly type: 'local' | 'cluster';
  /** `this machine`, `prod/team-a`: for headers. */
  readonly location: string;
  list(signal: AbortSignal): Promise<readonly Job[]>;
  changes(signal: AbortSignal): AsyncIterable<JobsChange>;
  telemetry(job: Job, asked: Follow, signal: AbortSignal): AsyncIterable<Heard>;
  logs(job: Job, asked: LogsAsked, signal: AbortSignal): AsyncIterable<Heard>;
  happenings(job: Job, signal: AbortSignal): Promise<readonly Happening[]>;
  /** Undefined where a job has none: nobody acts on a run of this machine but its own process. */
  surroundings(job: Job, signal: AbortSignal): Promise<Surroundings | undefined>;
}
