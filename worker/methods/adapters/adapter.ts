// The adapter axis: what is trained beside a frozen linear layer. An adapter names the tensors that
// it adds and how they change the weight (`factors`); forward, merge and export follow from that.
import type { LinearRole } from '../../../crds/methods/linears.ts';
import type { World } from '../../engine/world.ts';
import type { ModelConfig } from '../../families/family.ts';
import type { Mixture } from '../../nn/mixture.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { releasePages, type Tensor } from '../../tensor/tensor.ts';
import type { OptimizerState } from '../optimizers/optimizer.ts';
import type { Delta } from './delta.ts';
import type { RankGrowth } from './rank-growth.ts';

/**
 * A linear layer as an adapter sees it: `y = x W^T`, `W` is `[out, in]`. A convolution is one on
 * the patches of its input: `in` are its channels at all places of its kernel.
 */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly layer: number;
  readonly role: LinearRole;
  readonly out: number;
  readonly in: number;
  /** Edge of a convolution's kernel. @default a linear layer */
  readonly kernel?: number;
  /** Of the model that it is in. */
  readonly model: ModelSizes;
}

/** The MLP of a block as an adapter sees it that has experts. */
export interface MlpLayer {
  /** Module path, e.g. `model.layers.0.mlp`. */
  readonly path: string;
  readonly layer: number;
  /** Size of its inputs. */
  readonly in: number;
  readonly linears: readonly LinearLayer[];
}

/** Experts in place of each MLP, whose weights they share; tensors by suffix of the MLP's path. */
export interface Experts {
  readonly count: number;
  /** How many of them a token goes to. */
  readonly chosen: number;
  /** Weight of the balance loss (balance.ts). */
  readonly balance: number;
  initialize(mlp: MlpLayer): NewTensors;
  mixture(mlp: MlpLayer, tensors: (suffix: string) => Tensor, draw: DropoutDraw | null): Mixture;
}

/** Blocks, query heads, key/value heads, head size, MLP size. */
type ModelSizes = Pick<ModelConfig, 'L' | 'NH' | 'NK' | 'D' | 'I'>;

/** Where a run is: the same on every rank, and after it was resumed. */
export interface Moment {
  /** The step that is computed, from 0. */
  readonly step: number;
  readonly totalSteps: number;
}

/** Kept tensors are fixed: they are part of what `decompose` gave, and not trained. */
interface NewTensors {
  readonly trained: Readonly<Record<string, Tensor>>;
  readonly kept?: Readonly<Record<string, Tensor>>;
  /**
   * Places in the weight that are chosen again while it trains: int32, saved with what is trained,
   * without a gradient of their own. As many as the layer's trained values, at the same rank.
   */
  readonly chosen?: Readonly<Record<string, Tensor>>;
  /** Of values at chosen places: the shape `[out, in]` of their matrix. */
  readonly within?: readonly [number, number];
}

/** What an adapter may decompose: tensors of the host `[out, in]`, in float32 at least. */
export interface Origin {
  readonly weight: () => Tensor;
  /** Of the mean loss of the first batch, as full fine-tuning would compute it. */
  readonly gradient: () => Tensor;
  /**
   * The principal directions of the layer's inputs on training data, the first of them, as many as
   * the layer's planned rank.
   */
  readonly components: () => Components;
  /** How much the loss depends on rows and columns; null where all weigh the same. */
  readonly importance: () => Importance | null;
  /** The values that this matrix has once it is stored; null where all are stored alike. */
  readonly quantized: ((matrix: Tensor) => Tensor) | null;
  /** Of the first step. */
  readonly learningRate: number;
}

/** Of the measured inputs, one row for each token, relative to their mean. */
export interface Components {
  /** Orthonormal: `[r, in]`. */
  readonly rows: Tensor;
  /** One for each row, the largest first. */
  readonly singularValues: readonly number[];
}

/** A weight, one form in which it may be stored, and what its values weigh. */
interface Storing {
  readonly weight: Tensor;
  readonly quantized: (matrix: Tensor) => Tensor;
  readonly importance: Importance | null;
}

/** Sums of the Fisher information of a weight, of any scale. */
export interface Importance {
  /** `[out]` */
  readonly rows: Tensor;
  /** `[in]` */
  readonly columns: Tensor;
}

/** Which activations an adapter begins with, and how ranks follow from them. */
export interface Calibration {
  /** Training sequences, from the first. */
  readonly sequences: number;
  /** Whether tokens without a label are left out. */
  readonly useLabelMask: boolean;
  /** Whether the first token of each document is left out. */
  readonly maskFirstToken: boolean;
  readonly directions: 'Exact' | 'Sketched';
  /** The mean rank of a layer, and the most that one may have. */
  readonly rank: number;
  readonly most: number;
}

/** A tensor that `decompose` gave, by its suffix. */
export type Initial = (suffix: string) => Tensor;

/** `scale * left right`, with `left [out, k]` and `right [k, in]`. */
export interface LowRank {
  readonly left: Tensor;
  readonly right: Tensor;
  readonly scale: number;
}

/** Suffixes of A and B in PEFT's files, and here. */
export const factorA = 'lora_A.weight';
export const factorB = 'lora_B.weight';

/** The rank that was planned for a layer, recorded beside what it begins with: `[1]`, int32. */
export const plannedRank = 'rank';

/** Copies of what `decompose` gave, which stay as they are. */
export function keptOf(
  initial: Initial,
  suffixes: readonly string[],
): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(suffixes.map((suffix) => [suffix, ops.clone(initial(suffix))]));
}

/** What `use` makes of the initial tensors of a layer; pages of their file are given back after. */
export function withInitial<T>(
  initial: Initial,
  { path }: LinearLayer,
  use: (own: Initial) => T,
): T {
  const read: Tensor[] = [];
  const found = use((suffix) => {
    const tensor = initial(`${path}.${suffix}`);
    read.push(tensor);
    return tensor;
  });
  for (const tensor of read) releasePages(tensor);
  return found;
}

/** Adapters that train before the first step, for what is decided by them. */
export interface ProbeSettings {
  readonly rank: number;
  readonly scale: number;
  readonly learningRate: number;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

/** How ranks follow from what layers contribute to a change (train/contributions.ts). */
export interface Contribution extends ProbeSettings {
  /** Steps of the probes, of the largest rank that a layer may have. */
  readonly probeSteps: number;
  /** Of the way from the base to what the probes made of it. */
  readonly intervals: number;
  /** Values of all adapters, as a share of the weights beside which they are. */
  readonly ratio: number;
}

/** A search before the first step for the layers that get an adapter (train/module-search.ts). */
export interface ModuleSearch extends ProbeSettings {
  readonly steps: number;
  readonly gateLearningRate: number;
  /** How many of so many layers of a block are chosen. */
  chosen(layers: number): number;
}

/** What `decompose` gave for one layer, by suffix. */
export type Found = Readonly<Record<string, Tensor>>;

/** Ranks of layers that follow from what `decompose` finds in the weights of all of them. */
export interface Spectrum {
  /** The mean rank of a layer. */
  readonly rank: number;
  /** How many components are found of a layer. */
  most(layer: LinearLayer): number;
  /** What each of them is worth, best first. */
  scores(found: Found): readonly number[];
  /** The first `rank` of them. */
  first(found: Found, rank: number): Found;
}

export interface Adapter {
  readonly name: string;
  /** Whether the layer gets an adapter. */
  targets(layer: LinearLayer): boolean;
  /** Whether `decompose` reads the gradient. */
  readonly readsGradient?: boolean;
  /** What is lost of a weight in a form beside what it begins with: comparable between layers. */
  lossOf?(layer: LinearLayer, storing: Storing): number;
  /** Training batches that `importance` is measured on. @default none */
  readonly fisherBatches?: number;
  /**
   * The activations that `decompose` reads, if it reads any. Layers have the ranks that are
   * recorded with what it gave then; one with rank 0 gets no adapter.
   */
  readonly calibration?: Calibration;
  /** How ranks follow from weights, if they do: recorded and treated as those of activations. */
  readonly spectrum?: Spectrum;
  /** How layers are chosen by gradients, if they are: those that are not have rank 0. */
  readonly search?: ModuleSearch;
  /** How ranks follow from what layers contribute, if they do: recorded as those of activations. */
  readonly contribution?: Contribution;
  /**
   * What the adapter begins with where that follows from the frozen weight or its gradient.
   * Computed once for a run and stored (checkpoint/initial-factors.ts): another processor would
   * find other signs and last bits.
   */
  decompose?(layer: LinearLayer, from: Origin): Readonly<Record<string, Tensor>>;
  /** New tensors by suffix (`lora_A.weight`), of their own memory. */
  initialize(layer: LinearLayer, initial: Initial): NewTensors;
  /**
   * The part of the weight that the base gives up, because the new tensors take it over or do
   * without it: the base keeps the rest, rounded or quantized after it was subtracted.
   */
  takesOver?(layer: LinearLayer, initial: Initial): LowRank;
  /** Whether layers share the tensor that `factors` finds by this name. @default none is shared */
  shares?(name: string): boolean;
  /**
   * These tensors for the layers of a model, by name. Each process holds the fixed ones once; the
   * gradients of trained ones are sums over the layers.
   */
  shared?(layers: readonly LinearLayer[]): Pick<NewTensors, 'trained' | 'kept'>;
  factors(layer: LinearLayer, tensors: (suffix: string) => Tensor, draw: DropoutDraw | null): Delta;
  /** For a change that is as large as the weight: see there. */
  readonly multipliedOut?: MultipliedOut;
  /** For an adapter that is more than changes of linear layers. */
  readonly experts?: Experts;
  /**
   * A term of the loss that depends on the new tensors alone: a scalar with a tape, for one layer.
   * Training adds the mean over all layers once a step (engine/regularization.ts); what is reported
   * as loss, in training and on held-out data, is without it.
   */
  regularizer?(layer: LinearLayer, tensors: (suffix: string) => Tensor): Tensor;
  /** Learning-rate factor of a tensor (LoRA+); 1 by default. */
  learningRateFactor(suffix: string): number;
  /**
   * Whether weight decay pulls a tensor to zero: only where the model is then as without adapter.
   */
  decays(suffix: string): boolean;
  /**
   * Changes a trained tensor in place after the optimizer did. Each value by itself: `value` is
   * this rank's part of the tensor, in row order, flat unless it is all of it.
   */
  afterUpdate?(suffix: string, value: Tensor, moment: Moment): void;
  /**
   * Of the columns of a trained matrix, how many of the first rest in a step: they have no gradient
   * and keep their values. Never fewer in a later step; where all rest, the tensor has no optimizer
   * state either. Matrices are whole at one rank (crds/plan/kept-parts.ts). @default 0
   */
  restingColumns?(suffix: string, columns: number, moment: Moment): number;
  /** How places in the weights are chosen again, if they are. */
  readonly regrowth?: Regrowth;
  /** How layers get ranks while it trains, if they do. Matrices are whole at one rank. */
  readonly growth?: Growth;
  /** Whether training may make columns of B zero: files have the other ranks alone. */
  readonly losesRanks?: boolean;
  /**
   * Reports on its trained tensors after a step: `9 of 16 ranks left`. Collective: each rank has
   * its parts, and `sum` adds up over the ranks.
   */
  describe?(tensors: readonly TrainedTensor[], sum: World['sum']): string;
}

/**
 * How a change is added to a copy of its weight instead of being computed beside it, which would
 * keep as many values of each token as the weight has inputs. The copy is made once for all tokens
 * of a step that pass its block (engine/multiplied-out.ts). Only without dropout.
 */
interface MultipliedOut {
  /** `[out, in]`, to be multiplied by `scale`; float32 at least. */
  change(layer: LinearLayer, tensors: (suffix: string) => Tensor): Tensor;
  readonly scale: number;
  /** Of each trained tensor, for the gradient `G [out, in]` of the copy. */
  gradients(
    layer: LinearLayer,
    tensors: (suffix: string) => Tensor,
    G: Tensor,
  ): Readonly<Record<string, Tensor>>;
}

/** What a step computes of the gradient of a weight: nothing, that at candidates, or all. */
export type Probe = 'None' | 'Candidates' | 'All';

/** What a rank that owns the values of a layer has of it, by suffix. */
export interface OwnLayer {
  readonly tensors: (suffix: string) => Tensor;
  readonly states: (suffix: string) => OptimizerState;
}

/** How places are chosen again (engine/regrowth.ts), by moment and gradients alone. */
export interface Regrowth {
  /** The suffix of the values at the places. */
  readonly value: string;
  /** The suffix of the places. */
  readonly index: string;
  /** Places whose gradients some steps compute before. @default none */
  readonly candidates?: Candidates;
  /** Whether places are chosen again once the step has updated its values. */
  isDue(moment: Moment): boolean;
  /** Does so, in place, with the states of values and candidates. */
  regrow(own: OwnLayer, moment: Moment): void;
}

export interface Candidates {
  /** Of these places; the optimizer keeps a state of them in the steps of their gradients alone. */
  readonly suffix: string;
  probe(moment: Moment): Probe;
  /** Candidates for a gradient `[out, in]`, which may be overwritten; the same at every rank. */
  choose(gradient: Tensor, tensors: (suffix: string) => Tensor): Tensor;
}

/** How layers get ranks (engine/growth.ts), by moment and numbers that are the same everywhere. */
export interface Growth {
  /** The suffix of the values between both matrices, one for each rank. */
  readonly diagonal: string;
  start(layers: number): RankGrowth;
  /** How many of the first ranks of a layer are live: the others of the diagonal do not train. */
  live(births: readonly number[]): number;
  after(
    state: RankGrowth,
    step: {
      /** Sums of `|value * gradient|` of the diagonal; null where the layer did not train. */
      readonly scores: readonly (number | null)[];
      readonly layers: readonly LinearLayer[];
      readonly moment: Moment;
    },
  ): RankGrowth;
  /** Gives the values of a diagonal behind its live ranks their fixed ones, in place. */
  settle(diagonal: Tensor, births: readonly number[], state: RankGrowth): void;
  /** Parts of a layer's tensor that take only a part of their update in a step. */
  paces(suffix: string, births: readonly number[], step: number): readonly Pace[];
}

/** Of an update, the part that some ranks take: 0 where they keep their values. */
export interface Pace {
  readonly dim: number;
  readonly from: number;
  readonly count: number;
  readonly pace: number;
}

interface TrainedTensor {
  readonly suffix: string;
  readonly value: Tensor;
}

/** Names one dropout mask, so that recomputation repeats it; null in evaluation. */
export interface DropoutDraw {
  readonly seed: bigint;
  readonly step: number;
  readonly key: number;
}
