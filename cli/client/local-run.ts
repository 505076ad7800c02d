// A job on this machine, without a cluster: prepare, train and publish, each a worker process on
// the run folder, one after the other; several trainers may run together. Their messages are passed
// on.
//
// The first stop request lets the trainer save and end; the second kills it. Either way the folder
// is consistent: the next `anneal run` of the same job resumes from the last checkpoint.
import type { AnnealError, FineTuneJobSpec } from '../../crds/index.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { endOf, startRole } from './local-role.ts';
import { runWorld } from './local-world.ts';

const stages = ['prepare', 'train', 'publish'] as const;
type Stage = (typeof stages)[number];

export interface LocalRun {
  readonly folder: string;
  /** Main file of the worker process. */
  readonly worker: string;
  /** Added to the environment of workers. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly onMessage: (message: Telemetry) => void;
  /** Called for each stage, for traces. */
  readonly onStage?: {
    began(stage: Stage): void;
    ended(outcome: LocalOutcome): void;
  };
  /** Aborted: save and stop. */
  readonly stop: AbortSignal;
  /** Aborted: end at once. */
  readonly kill: AbortSignal;
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

export type LocalOutcome =
  | { readonly type: 'Complete' }
  | { readonly type: 'Stopped' }
  | { readonly type: 'Failed'; readonly error: AnnealError };

export async function runStages(run: LocalRun, from: Stage): Promise<LocalOutcome> {
  for (const stage of stages.slice(stages.indexOf(from))) {
    if (run.stop.aborted) return { type: 'Stopped' };
    const { world } = run;
    const together = stage === 'train' && world !== undefined && world.size > 1;
    run.onStage?.began(stage);
    const outcome = await (together ? runWorld(run, world) : runRole(run, stage));
    run.onStage?.ended(outcome);
    if (outcome.type !== 'Complete') return outcome;
  }
  return { type: 'Complete' };
}

/** Runs one worker process to its end. */
export async function runRole(run: LocalRun, role: string): Promise<LocalOutcome> {
  const { worker, folder, variables = {}, onMessage, stop, kill } = run;
  const started = startRole({ worker, role, folder, variables, onMessage });
  const ended = await endOf(started, { stop, kill });
  if (ended.type === 'Failed' && kill.aborted) return { type: 'Stopped' };
  return ended.type === 'Failed' ? { type: 'Failed', error: ended.error } : ended;
}
