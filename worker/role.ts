import type { TelemetryBody } from '../crds/wire/telemetry.ts';
import type { Clock } from './clock.ts';
import type { WorkerConfig } from './config.ts';

/** What every role of the worker gets. */
export interface RoleContext {
  /** The run's folder. */
  readonly folder: string;
  readonly config: WorkerConfig;
  readonly clock: Clock;
  emit(message: TelemetryBody): void;
  /** Aborted when somebody wants the run to save and stop. */
  readonly stop: AbortSignal;
  /**
   * Another worker of the run heard that it is to stop: aborts `stop`. Absent where there is no
   * other.
   */
  stopToo?(): void;
  /** True once after somebody wanted a save while training goes on. Absent where nobody can. */
  takeSave?(): boolean;
  /**
   * Step of the checkpoint that others would go on from; undefined where whatever is written
   * counts.
   */
  countedStep?: () => number | undefined;
}

export type Role = (context: RoleContext) => Promise<void>;
