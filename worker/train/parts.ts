// What the loop works with: interfaces only, implemented by role.ts and by tests.

import type { Clock } from '../../crds/clock.ts';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Checkpoints } from '../checkpoint/trainer-checkpoints.ts';
import type { TrainerState } from '../checkpoint/trainer-state.ts';
import type { Batch } from '../data/batch.ts';
import type { ActivationOffload } from '../engine/activation-offload.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { PrivateSettings } from '../engine/private-sum.ts';
import type { BlockTerm } from '../engine/regularization.ts';
import type { StepUpdateSink, Update } from '../engine/update.ts';
import type { WeightNoise } from '../engine/weight-noise.ts';
import type { World } from '../engine/world.ts';
import type { Moment } from '../methods/adapters/adapter.ts';
import type { RankGrowth } from '../methods/adapters/rank-growth.ts';
import type { Selection } from '../methods/selection/selection.ts';
import type { OptimizerStates } from '../sharding/optimizer-states.ts';
import type { Shard } from '../sharding/shards.ts';
import type { Distillation } from './teacher.ts';
import type { WriteWords } from './written-words.ts';

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

/** Of a prompt of the job, or of a held-out record, what the model makes of it. */
export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/** In the same order each time; null when `stopped`. */
export type WriteSamples = (stopped: () => boolean) => Promise<readonly Sample[] | null>;

export interface TrainerParts {
  readonly model: Model;
  /**
   * The ranks that train the model together. Functions marked as collective below are called by all
   * of them at the same time.
   */
  readonly world: World;
  readonly selection: Selection;
  /** This rank's shards of what steps change. */
  readonly shards: readonly Shard[];
  readonly states: OptimizerStates;
  /** After a step that was applied: where it is due, places in the weights are chosen again. */
  regrow(moment: Moment): void;
  /** Where layers got ranks: makes their reserves, and those of all others. */
  settleRanks(state: RankGrowth): void;
  readonly updater: { begin(update: Update): StepUpdateSink };
  /** What optimizer or adapter report about the step just done; null where they report nothing. */
  said?(): string | null;
  /** The density loss of the method, if it has one. */
  readonly density?: { readonly weight: number; readonly epsilon: number };
  /** What is minimized, if the job distills. @default cross entropy */
  readonly distillation?: Distillation | undefined;
  /** What is added to the loss in a step while a network is searched. @default nothing */
  readonly architecture?: ((moment: Moment) => BlockTerm) | undefined;
  /** Noise on the weights in steps, if the method adds some. */
  readonly noise?: Pick<WeightNoise, 'during'> | undefined;
  /**
   * Clips and noise at a position of the data, under differential privacy; batches have their
   * records apart then, and losses are not read. @default none
   */
  readonly privacy?: ((position: number) => PrivateSettings) | undefined;
  readonly plan: TrainerPlan;
  /** For blocks whose plan is `offload`. */
  readonly offload?: ActivationOffload;
  /** The global batch at a position of the data, from 0. */
  batch(position: number): Batch;
  evaluationSequences(): Iterable<HostSequence>;
  /** Milliseconds spent waiting for other ranks since the process began. */
  waited(): { readonly gather: number; readonly reduce: number };
  /** Empty where the job asks for none; collective. */
  readonly sample: WriteSamples;
  /** How what is written of held-out sounds differs from what is said; collective. */
  readonly writeWords: WriteWords;
  readonly checkpoints: Checkpoints;
  /** Copies of the state in memory; collective. Absent where the job keeps none. */
  readonly copies?: { take(state: TrainerState): Promise<void> };
  emit(message: TelemetryBody): void;
  readonly clock: Clock;
  /** Whether the run was asked to save and stop; collective, between steps. */
  stopping(): boolean;
  /**
   * Resolves when the next step may be computed. Until then messages from the parent are read, and
   * files are written.
   */
  turn(): Promise<void>;
}
