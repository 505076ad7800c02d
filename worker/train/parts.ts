// What the loop is made of: interfaces only, filled in by train.ts and by tests.
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { RollbackAccount, TrainerState } from '../checkpoint/trainer-state.ts';
import type { Clock } from '../clock.ts';
import type { ActivationOffload } from '../engine/activation-offload.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Update } from '../engine/update.ts';
import type { Selection } from '../methods/selection/selection.ts';
import type { OptimizerStates } from '../sharding/optimizer-states.ts';
import type { World } from '../sharding/world.ts';
import type { StepUpdateSink } from './step.ts';

export interface Batch {
  /** Those of this rank. */
  readonly sequences: readonly HostSequence[];
  /** Target tokens of the global batch, all ranks. */
  readonly targetTokens: number;
  readonly tokens: number;
  readonly epoch: number;
}

export interface TrainerPlan {
  readonly totalSteps: number;
  readonly modes: readonly TapeMode[];
  readonly seed: bigint;
  /** Learning rate of step `s`, from 0. */
  learningRate(step: number): number;
  readonly evaluationInterval: number | null;
  readonly earlyStopping: EarlyStopping | null;
  readonly nonFinite: NonFinitePolicy;
}

interface EarlyStopping {
  readonly metric: 'Loss' | 'Accuracy';
  readonly patience: number;
  readonly minDelta: number;
}

export interface NonFinitePolicy {
  readonly action: 'SkipStep' | 'Rollback' | 'Fail';
  readonly maxSkips: number;
  readonly maxRollbacks: number;
  readonly learningRateFactor: number;
}

export interface TrainerParts {
  readonly model: Model;
  /**
   * The ranks that train the model together; functions below that say so are asked by all of them
   * at the same time.
   */
  readonly world: World;
  readonly selection: Selection;
  readonly states: OptimizerStates;
  readonly updater: { begin(update: Update): StepUpdateSink };
  /** What the optimizer says of the step that has just been done; null where it says nothing. */
  said?(): string | null;
  readonly plan: TrainerPlan;
  /** For blocks whose plan is `offload`. */
  readonly offload?: ActivationOffload;
  /** The global batch at a position of the data, from 0. */
  batch(position: number): Batch;
  evaluationSequences(): Iterable<HostSequence>;
  /** Milliseconds that were waited for other ranks since the process began. */
  waited(): { readonly gather: number; readonly reduce: number };
  /** Answers to the job's prompts, in order; none where the job has none, null when `stopped`. */
  sample(
    stopped: () => boolean,
  ): Promise<readonly { readonly prompt: string; readonly text: string }[] | null>;
  readonly checkpoints: Checkpoints;
  /** Copies in memory, taken by all ranks after a step; absent where nobody would keep them. */
  readonly copies?: { take(state: TrainerState): Promise<void> };
  emit(message: TelemetryBody): void;
  readonly clock: Clock;
  /** Asked between steps, by all ranks: somebody wants the run to save and stop. */
  stopping(): boolean;
}

export interface Checkpoints {
  /**
   * Step of the newest save, or of the newest that there was when the run went on; null where there
   * is none.
   */
  readonly savedStep: number | null;
  /** Whether a save is due after this step, by interval or measured cost. Asked by all ranks. */
  due(state: TrainerState): boolean;
  /**
   * Saves what is there now; when it returns, that may change, and the save goes on. One that goes
   * on is waited for first.
   */
  begin(state: TrainerState): Promise<void>;
  /** Step of the save that goes on; null where none does. */
  readonly runningStep: number | null;
  /** Between steps, by all ranks: gives a save that goes on a moment. */
  follow(): Promise<void>;
  /** Waits for the save that goes on. */
  finish(): Promise<void>;
  /** Puts the newest whole checkpoint into the model; null when there is none. */
  restore(): Promise<TrainerState | null>;
  /**
   * Beside the checkpoint that was restored last: who goes on from it again goes on from here.
   * Asked by all ranks.
   */
  rememberRollback(account: RollbackAccount): Promise<void>;
}
