// A job on this machine, without a cluster: the processes of its stages on the run folder, one
// after the other; several trainers may run together. Their messages are passed on. A process whose
// results are there is not started again.
//
// The first stop request lets the trainer save and end; the second kills it. Either way the folder
// is consistent: the next `anneal run` of the same job resumes from the last checkpoint.
import type { AnnealError, FineTuneJobSpec } from '../../crds/index.ts';
import type { StageRole } from '../../crds/stages/stage.ts';
import { processesOf, stagesOf } from '../../crds/stages/stages-of.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { now } from '../process/clock.ts';
import { endOf, startRole } from './local-role.ts';
import { runWorld } from './local-world.ts';
import { forgetDamaged, writtenBefore } from './written.ts';

export interface LocalRun extends LocalProcess {
  /** Of the run record in the folder. */
  readonly spec: FineTuneJobSpec;
  /** Called for each process, for traces. */
  readonly onStage?: {
    began(role: StageRole): void;
    ended(outcome: LocalOutcome): void;
  };
  /**
   * The trainers that share the model, and how often they may restart. @default one, without
   * restarts
   */
  readonly world?: {
    readonly size: number;
    readonly policy: FineTuneJobSpec['failurePolicy'];
    /** By rank. @default the device of the run record for all */
    readonly devices?: readonly DeviceName[];
  };
}

export interface LocalProcess {
  readonly folder: string;
  /** Main file of the worker process. */
  readonly worker: string;
  /** Added to the environment of workers. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly onMessage: (message: Telemetry) => void;
  /** Aborted: save and stop. */
  readonly stop: AbortSignal;
  /** Aborted: end at once. */
  readonly kill: AbortSignal;
}

export type LocalOutcome =
  | { readonly type: 'Complete' }
  | { readonly type: 'Stopped' }
  | { readonly type: 'Failed'; readonly error: AnnealError };

export function runStages(run: LocalRun): Promise<LocalOutcome> {
  return runProcesses(run, processesOf(stagesOf(run.spec)));
}

async function runProcesses(run: LocalRun, roles: readonly StageRole[]): Promise<LocalOutcome> {
  let reused: number | undefined;
  for (const [index, role] of roles.entries()) {
    if (run.stop.aborted) return { type: 'Stopped' };
    const before = await writtenBefore(run.folder, role, now());
    if (before !== undefined) {
      reused ??= index;
      run.onMessage(before);
      continue;
    }
    const outcome = await runProcess(run, role);
    // Whoever wrote it sets aside what is damaged, and goes on from what is not.
    const isForgotten = await forgetDamaged(run.folder, outcome);
    if (isForgotten && reused !== undefined) return runProcesses(run, roles.slice(reused));
    if (outcome.type !== 'Complete') return outcome;
  }
  return { type: 'Complete' };
}

async function runProcess(run: LocalRun, role: StageRole): Promise<LocalOutcome> {
  const { world, onStage } = run;
  const together = role === 'train' && world !== undefined && world.size > 1;
  onStage?.began(role);
  const outcome = await (together ? runWorld(run, world) : runRole(run, role));
  onStage?.ended(outcome);
  return outcome;
}

/** Runs one worker process to its end. */
export async function runRole(run: LocalProcess, role: string): Promise<LocalOutcome> {
  const { worker, folder, variables = {}, onMessage, stop, kill } = run;
  const started = startRole({ worker, role, folder, variables, onMessage });
  const ended = await endOf(started, { stop, kill });
  if (ended.type === 'Failed' && kill.aborted) return { type: 'Stopped' };
  return ended.type === 'Failed' ? { type: 'Failed', error: ended.error } : ended;
}
