import type { RunReport } from '../../crds/index.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import type { FoundModel, StoredRun } from '../client/run-store.ts';

/** A view of a run: screen, lines, JSON or summary. */
export interface RunView {
  begin(run: StoredRun, continued: boolean): void;
  see(message: Telemetry): void;
  end(ended: EndedRun): Promise<void> | void;
}

export interface EndedRun {
  /** The job file as given. */
  readonly file: string;
  readonly run: StoredRun;
  readonly outcome: LocalOutcome;
  /** Null when the run left none. */
  readonly report: RunReport | null;
  /** Null when it was not found. */
  readonly model: FoundModel | null;
}
