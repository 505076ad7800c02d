// A run that a command works on: what its worker says goes to its view and its trace, and its end
// is written down and shown.
import { isStorageFull } from '../../../crds/index.ts';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import type { LocalOutcome } from '../../client/local-run.ts';
import { writeOutcome } from '../../client/outcome.ts';
import { foundModel, reportOf } from '../../client/run-store.ts';
import { openRunTrace, type RunTrace } from '../../client/run-trace.ts';
import type { RunView } from '../../text/run-view.ts';
import { type ChosenRun, moved, type RunContext } from './plan-run.ts';

export interface BegunRun extends Disposable {
  readonly folder: string;
  readonly trace: RunTrace;
  onMessage(message: Telemetry): void;
  end(outcome: LocalOutcome): Promise<void>;
}

interface Beginning extends ChosenRun {
  readonly record: RunRecord;
  /** Milliseconds since 1970 at which the command began. */
  readonly startMs: number;
}

/** Disposing it lets other commands into the run folder. */
export function begin(
  file: string,
  { record, run, continued, movedFrom, lock, startMs }: Beginning,
  context: RunContext & { readonly view: RunView },
): BegunRun {
  const { view, now, warn } = context;
  if (movedFrom !== undefined) warn(moved(movedFrom, record.device));
  view.begin(run, continued);
  const trace = traceOf(record, startMs, context);
  const { folder } = run;
  return {
    folder,
    trace,
    onMessage(message) {
      view.see(message);
      trace.hear(message);
    },
    async end(outcome) {
      await writeOutcome(folder, outcome, now()).catch((error: unknown) => {
        // Without a recorded outcome the run counts as killed: the same command resumes it, and the
        // error of the worker is shown.
        if (!isStorageFull(error)) throw error;
      });
      const [report, model] = [await reportOf(folder), await foundModel(folder)];
      await view.end({ file, run, outcome, report, model });
      await trace.close(outcome);
    },
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

function traceOf(
  { name, namespace, spec }: RunRecord,
  startMs: number,
  { config, now, warn }: RunContext,
): RunTrace {
  return openRunTrace({
    settings: config.traces,
    traceparent: config.traceparent,
    sampling: spec.observability.traceSampling,
    attributes: { 'anneal.job': name, 'anneal.namespace': namespace },
    ...{ startMs, now, warn },
  });
}
