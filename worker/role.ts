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
}

export type Role = (context: RoleContext) => Promise<void>;
