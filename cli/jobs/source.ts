// Where jobs are: this machine or a cluster. Commands and screens use only this interface;
// local-source.ts and cluster-source.ts implement it. Every iterator ends with its signal.
import type { PodEvent } from '../../crds/wire/pod-messages.ts';
import type { HeartbeatRecord } from '../../crds/wire/state.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { BesideJobs } from './beside.ts';
import type { Job } from './job.ts';
import type { Surroundings } from './surroundings.ts';

/** A change of the jobs, or that the source does not answer. */
export type JobsChange =
  /** All jobs: once at the beginning and after every reconnect. */
  | { readonly type: 'All'; readonly jobs: readonly Job[] }
  | { readonly type: 'Changed'; readonly job: Job }
  | { readonly type: 'Gone'; readonly job: Job }
  | { readonly type: 'Away'; readonly why: string };

/** A message of a worker, or that the bus does not answer. */
export type Heard =
  | { readonly type: 'Message'; readonly index: number; readonly message: Telemetry }
  | { readonly type: 'Heartbeat'; readonly index: number; readonly heartbeat: HeartbeatRecord }
  | { readonly type: 'PodEvent'; readonly event: PodEvent }
  | { readonly type: 'Log'; readonly line: LogLine }
  /** All retained messages have been delivered. */
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

/** A Kubernetes Event of the job. */
export interface JobEvent {
  readonly time: number;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

export interface Follow {
  /** Continue with new lines after the existing ones. */
  readonly follow: boolean;
}

export interface LogsAsked extends Follow {
  /** The container before the last restart, where the source still has it. */
  readonly previous: boolean;
  /** The log of the operator about the job, not of its workers. */
  readonly operator?: boolean;
}

export interface JobSource extends AsyncDisposable {
  readonly type: 'local' | 'cluster';
  /** `this machine`, `prod/team-a`: for headers. */
  readonly location: string;
  list(signal: AbortSignal): Promise<readonly Job[]>;
  /** Federations, pools and servers of adapters; those of this machine are no objects. */
  besideJobs(signal: AbortSignal): Promise<BesideJobs>;
  /** All of them at first, and with every change. */
  besideChanges(signal: AbortSignal): AsyncIterable<BesideJobs>;
  changes(signal: AbortSignal): AsyncIterable<JobsChange>;
  telemetry(job: Job, asked: Follow, signal: AbortSignal): AsyncIterable<Heard>;
  logs(job: Job, asked: LogsAsked, signal: AbortSignal): AsyncIterable<Heard>;
  events(job: Job, signal: AbortSignal): Promise<readonly JobEvent[]>;
  /** Undefined for a run of this machine: only its own process acts on it. */
  surroundings(job: Job, signal: AbortSignal): Promise<Surroundings | undefined>;
}
