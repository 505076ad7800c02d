// A training in memory: a toy model, its optimizer, batches from a list, and a place for
// checkpoints.

import { tmpdir } from 'node:os';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { ShardLayout } from '../../crds/plan/shards.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { stateTensors } from '../../worker/checkpoint/state-tensors.ts';
import type { Checkpoints } from '../../worker/checkpoint/trainer-checkpoints.ts';
import type { RollbackAccount, TrainerState } from '../../worker/checkpoint/trainer-state.ts';
import type { Batch } from '../../worker/data/batch.ts';
import { readConfig } from '../../worker/decoder/config.ts';
import { FileActivationOffload } from '../../worker/engine/activation-offload.ts';
import {
  buildModel,
  type ModelSource,
  type ShardLayer,
  type Trains,
} from '../../worker/engine/build-model.ts';
import { settleRanks } from '../../worker/engine/growth.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { Parameter, Parameters } from '../../worker/engine/parameters.ts';
import { regrow } from '../../worker/engine/regrowth.ts';
import { rests } from '../../worker/engine/resting.ts';
import { type Clip, Updater } from '../../worker/engine/update.ts';
import { WeightNoise } from '../../worker/engine/weight-noise.ts';
import { alone, type World } from '../../worker/engine/world.ts';
import type { Adapter } from '../../worker/methods/adapters/adapter.ts';
import { adamW } from '../../worker/methods/optimizers/adamw.ts';
import type { Optimizer } from '../../worker/methods/optimizers/optimizer.ts';
import type { Precision } from '../../worker/methods/precision/precision.ts';
import type { GgpoSettings } from '../../worker/methods/rules/ggpo.ts';
import { all } from '../../worker/methods/selection/all.ts';
import type { Selection } from '../../worker/methods/selection/selection.ts';
import type { CodeChoice } from '../../worker/methods/weights/choose-codes.ts';
import { dense } from '../../worker/methods/weights/dense.ts';
import type { WeightGrid } from '../../worker/methods/weights/weight-grid.ts';
import type { WeightStore } from '../../worker/methods/weights/weight-store.ts';
import { OptimizerStates } from '../../worker/sharding/optimizer-states.ts';
import type { ProcessGroup } from '../../worker/sharding/process-group.ts';
import { type ShardedModel, sharedModel, wholeModel } from '../../worker/sharding/sharded-model.ts';
import { worldOf } from '../../worker/sharding/world.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { fillCodebooks } from '../../worker/train/fill-codebooks.ts';
import type { TrainerParts, TrainerPlan } from '../../worker/train/loop.ts';
import { FakeClock } from '../doubles/clock.ts';
import { goldenTensors } from '../toy/golden.ts';
import { goldenCase } from '../toy/make-toy.ts';
import { factorsInMemory } from './initial-factors.ts';
import { aSequence } from './training.ts';

export interface ToyModelOptions {
  /** @default 'float32' */
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly trains?: Trains;
  /** Matrices of blocks train as codes of 8 bits. @default false */
  readonly coded?: boolean;
  /** Or codes into codebooks, chosen before the first step. @default null */
  readonly codebook?: CodeChoice | null;
  /** What matrices of blocks are rounded to where they are multiplied. @default null */
  readonly grid?: WeightGrid | null;
  /** @default dense */
  readonly store?: WeightStore;
  /** @default the types of the tensors */
  readonly precision?: Precision | null;
  /** A tensor whose first value is no number. */
  readonly broken?: string;
  /** Golden case. @default 'llama' */
  readonly name?: string;
  /** The model in place of a golden case. */
  readonly source?: ModelSource;
  /** Fields of `config.json` in place of the case's own. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The caller disposes its parameters. */
export function aToyModel(options: ToyModelOptions = {}, shardLayer?: ShardLayer): Model {
  const {
    dtype = 'float32',
    adapter = null,
    trains,
    coded = false,
    codebook = null,
    grid = null,
    store = dense,
    precision = null,
  } = options;
  const source = toySource(options);
  using factors = factorsInMemory(source, adapter, dtype === 'float64' ? dtype : 'float32');
  const { initial } = factors;
  const model = buildModel(source, {
    ...{ dtype, adapter, initial, coded, codebook, grid, store, precision, sequenceLength: 64 },
    ...(trains === undefined ? {} : { trains }),
    ...(shardLayer === undefined ? {} : { shardLayer }),
  });
  if (shardLayer === undefined) chooseToyCodes(options, model.parameters.all());
  return model;
}

/** Of parameters that this process keeps. */
function chooseToyCodes(options: ToyModelOptions, parameters: readonly Parameter[]): void {
  const { codebook: choice = null } = options;
  if (choice === null) return;
  for (const _ of fillCodebooks(toySource(options), parameters, { choice, seed: 1n }));
}

export function toySource(options: ToyModelOptions): ModelSource {
  const { name = 'llama', config: changes = {}, source } = options;
  if (source !== undefined) return source;
  const config = readConfig({ ...goldenCase(name).config, ...changes });
  const tensors = goldenTensors(config);
  const load = (tensorName: string, type: DType): Tensor => {
    const found = tensors.get(tensorName);
    if (found === undefined) throw new Error(`no tensor ${tensorName}`);
    const values = found.values.slice();
    if (tensorName === options.broken) values[0] = Number.NaN;
    return ops.to(tensor(values, found.spec.shape), type);
  };
  return { config, tensorNames: [...tensors.keys()], load, isBfloat16: () => false };
}

export const plainAdamW = {
  ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01 },
  masterWeights: 'Float32',
} as const;

export interface TrainingOptions extends ToyModelOptions {
  readonly optimizer?: Optimizer;
  /** @default all */
  readonly selection?: (parameters: Parameters) => Selection;
  readonly clip?: Clip;
  /** Noise on the weights in steps. @default none */
  readonly noise?: GgpoSettings;
  readonly plan?: Partial<TrainerPlan>;
  /** @default `keep` for every block */
  readonly mode?: TapeMode;
  /** The global batch of each position, from the first again after the last. */
  readonly batches?: readonly (readonly HostSequence[])[];
  readonly evaluation?: readonly HostSequence[];
  readonly parts?: Partial<TrainerParts>;
  /** The ranks that train it together; absent for one process. */
  readonly group?: ProcessGroup;
  /** @default 'slice' */
  readonly layout?: ShardLayout;
  /** Where checkpoints go; in memory when absent. */
  readonly checkpoints?: (trained: Training) => Checkpoints;
}

export class Training implements Disposable {
  readonly model: Model;
  readonly held: ShardedModel;
  readonly states: OptimizerStates;
  readonly parts: TrainerParts;
  readonly messages: TelemetryBody[] = [];
  readonly #offload = new FileActivationOffload(tmpdir());
  readonly #noise: WeightNoise | undefined;

  constructor(options: TrainingOptions = {}) {
    const { optimizer = adamW(plainAdamW), clip = { mode: 'Global', norm: 1 } } = options;
    const { group } = options;
    const world = group === undefined ? alone : worldOf(group);
    this.held = holdToy(options);
    this.model = this.held.model;
    const { parameters, config } = this.model;
    const selection = (options.selection ?? all)(parameters);
    const plan = { ...aPlan(config.L, options.mode ?? 'keep'), ...options.plan };
    const { adapter } = this.model;
    this.states = new OptimizerStates(this.held.shards, optimizer, (parameter, step) =>
      rests(adapter, parameter, { step, totalSteps: plan.totalSteps }),
    );
    this.states.follow(selection.stepCounts(0, {}));
    const batches = options.batches ?? [[aSequence([countUp(0, 12)])]];
    const clock = new FakeClock();
    this.#noise = options.noise && new WeightNoise(this.model, options.noise, plan.seed, world);
    this.parts = {
      ...{ model: this.model, world, noise: this.#noise },
      waited: this.held.waited,
      plan,
      selection,
      shards: this.held.shards,
      states: this.states,
      regrow: (moment) => {
        const own = { shards: this.held.shards, states: this.states.byName };
        if (regrow(this.model, own, moment)) this.held.changed();
      },
      settleRanks: (state) => {
        settleRanks(this.model, this.held.shards, state);
        this.held.changed();
      },
      updater: this.held.offered(new Updater(optimizer, this.states.byName, clip, world)),
      batch: (position) => batchOf(batches[position % batches.length] ?? [], position, world),
      evaluationSequences: () => options.evaluation ?? [],
      sample: async () => [],
      writeWords: async () => undefined,
      checkpoints: options.checkpoints?.(this) ?? new MemoryCheckpoints(this),
      emit: (message) => void this.messages.push(message),
      clock,
      stopping: () => false,
      turn: () => new Promise((resolve) => void setImmediate(resolve)),
      offload: this.#offload,
      ...options.parts,
    };
  }

  /** Every tensor that training moves, as bytes, by the names of a checkpoint. */
  bits(): ReadonlyMap<string, Buffer> {
    const named = [...stateTensors(this.trained())];
    return new Map(named.map(([name, { tensor }]) => [name, Buffer.from(toBytes(tensor))]));
  }

  trained() {
    return { shards: this.held.shards, states: this.states, common: this.#noise?.common };
  }

  ofType<T extends TelemetryBody['type']>(type: T): readonly Extract<TelemetryBody, { type: T }>[] {
    return this.messages.filter(
      (message): message is Extract<TelemetryBody, { type: T }> => message.type === type,
    );
  }

  [Symbol.dispose](): void {
    this.held[Symbol.dispose]();
    this.states[Symbol.dispose]();
    this.#offload[Symbol.dispose]();
    this.#noise?.[Symbol.dispose]();
  }
}

function aPlan(layers: number, mode: TapeMode): TrainerPlan {
  return {
    totalSteps: 6,
    modes: new Array<TapeMode>(layers).fill(mode),
    seed: 1n,
    learningRate: () => 1e-2,
    evaluationInterval: null,
    earlyStopping: null,
    nonFinite: { action: 'SkipStep', maxSkips: 2, maxRollbacks: 2, learningRateFactor: 0.5 },
  };
}

function holdToy(options: TrainingOptions): ShardedModel {
  const { group, layout = 'slice', dtype = 'float32' } = options;
  if (group === undefined) return wholeModel(aToyModel(options));
  const { config } = toySource(options);
  const held = sharedModel({ group, layout, config, dtype, now: () => 0 }, (shardLayer) =>
    aToyModel(options, shardLayer),
  );
  chooseToyCodes(
    options,
    held.shards.map(({ parameter }) => parameter),
  );
  return held;
}

/** The sequences are dealt to the ranks in turn. */
export function batchOf(
  sequences: readonly HostSequence[],
  position: number,
  { rank, size }: Pick<World, 'rank' | 'size'> = alone,
): Batch {
  return {
    sequences: sequences.filter((_, index) => index % size === rank),
    targetTokens: sequences.reduce((sum, { targetCount }) => sum + targetCount, 0),
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    epoch: position,
  };
}

/** `length` ids of the toy's forty, each seven further than the one before. */
export function countUp(from: number, length: number): readonly number[] {
  return Array.from({ length }, (_, i) => (from + 7 * i) % 40);
}

/** Other values in everything that moves, from a name. */
export function shake(training: Training, name: string): void {
  for (const [each, { tensor: value }] of stateTensors(training.trained())) {
    scope(() => {
      const stream = streamOf(1, name, each);
      const bytes = value.dtype === 'uint8';
      const noise = normal(value.shape, bytes ? 50 : 1, stream);
      ops.copy_(value, bytes ? ops.abs(noise) : noise);
    });
  }
}

/**
 * Copies of all that a checkpoint holds; saved after each step that is not saved yet, unless told
 * otherwise.
 */
export class MemoryCheckpoints implements Checkpoints {
  readonly saved: TrainerState[] = [];
  readonly #trained: Training;
  #bytes: ReadonlyMap<string, Buffer> = new Map();
  readonly #due: (state: TrainerState) => boolean;

  constructor(trained: Training, due: (state: TrainerState) => boolean = () => true) {
    this.#trained = trained;
    this.#due = due;
  }

  get savedStep(): number | null {
    return this.saved.at(-1)?.step ?? null;
  }

  due(state: TrainerState): boolean {
    return state.step !== this.savedStep && this.#due(state);
  }

  get runningStep(): number | null {
    return null;
  }

  async follow(): Promise<void> {}

  async finish(): Promise<void> {}

  async begin(state: TrainerState): Promise<void> {
    this.saved.push(state);
    this.#bytes = this.#trained.bits();
  }

  async rememberRollback(account: RollbackAccount): Promise<void> {
    const state = this.saved.pop();
    if (state !== undefined) this.saved.push({ ...state, ...account });
  }

  async restore(): Promise<TrainerState | null> {
    const state = this.saved.at(-1);
    if (state === undefined) return null;
    this.#trained.states.follow(state.stepCounts, state.step - 1);
    for (const [name, { tensor: target }] of stateTensors(this.#trained.trained())) {
      const bytes = this.#bytes.get(name);
      if (bytes === undefined) throw new Error(`nothing was saved of ${name}`);
      scope(() => ops.copy_(target, fromBytes(bytes, target.shape, target.dtype)));
    }
    return state;
  }
}
