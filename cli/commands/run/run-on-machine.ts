// `anneal run FILE`: runs the job on this machine, prints the worker's messages, and returns the
// outcome.
import { type LocalOutcome, runStages } from '../../client/local-run.ts';
import type { RunView } from '../../text/run-view.ts';
import { begin } from './begin-run.ts';
import { chooseRun, type RunContext, type RunOptions, recordOf } from './plan-run.ts';

export async function runCommand(
  options: RunOptions,
  context: RunContext & { readonly view: RunView },
): Promise<LocalOutcome> {
  const { worker, stop, kill } = context;
  const startMs = context.now().getTime();
  const planned = await recordOf(options, context);
  const { record, devices, variables } = planned;
  const chosen = await chooseRun(record, context.config.cache, options.fresh);
  using begun = begin(options.file, { ...planned, ...chosen, startMs }, context);
  const { folder, onMessage, trace } = begun;
  const world = { size: devices.length, policy: record.spec.failurePolicy, devices };
  const { spec } = record;
  const run = { spec, folder, worker, variables, onMessage, onStage: trace, stop, kill, world };
  const outcome = await runStages(run);
  await begun.end(outcome);
  return outcome;
}
