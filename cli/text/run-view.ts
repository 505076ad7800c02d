import type { RunReport } from '../../crds/index.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { LocalOutcome } from '../client/local-run.ts';
import type { StoredRun } from '../client/run-store.ts';

/** What shows a run, whatever it looks like. */
export interface RunView {
  begin(run: StoredRun, continued: boolean): void;
  see(message: Telemetry): void;
  end(ended: EndedRun): Promise<void> | void;
}

export interface EndedRun {
  /** The job file as it was named. */
  readonly file: string;
  readonly run: StoredRun;
  readonly outcome: LocalOutcome;
  /** Null when the run left none. */
  readonly report: RunReport | null;
  /** Folder or file of the model that was trained; null when it was not found. */
  readonly modelPath: string | null;
}
