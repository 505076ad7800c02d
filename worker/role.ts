import type { Clock } from '../crds/clock.ts';
import type { ServeMessage } from '../crds/serve/messages.ts';
import type { TelemetryBody } from '../crds/wire/telemetry.ts';
import type { WorkerConfig } from './config.ts';
import type { PackedRun } from './train/packed-runs.ts';

/** What every role gets. */
export interface RoleContext {
  /** The run folder. */
  readonly folder: string;
  readonly config: WorkerConfig;
  readonly clock: Clock;
  emit(message: TelemetryBody): void;
  /** Aborted when the run is asked to save and stop. */
  readonly stop: AbortSignal;
  /** Aborts `stop` because another worker of the run was stopped. Undefined for a single worker. */
  stopToo?(): void;
  /** True once after a save was requested without stopping. Undefined where nothing can ask. */
  takeSave?(): boolean;
  /**
   * Step of the checkpoint from which others would resume; undefined where every written checkpoint
   * counts.
   */
  countedStep?: () => number | undefined;
  /** Its place among runs that train in this process together. Undefined for a run alone. */
  readonly packed?: PackedRun;
  /** Passes on what the parent says beside orders of a trainer. Undefined where nobody can. */
  hear?(listen: (message: unknown) => void): void;
  /** To the parent, beside telemetry. Undefined where nobody listens. */
  say?(message: ServeMessage): void;
}

export type Role = (context: RoleContext) => Promise<void>;
