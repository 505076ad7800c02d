// What a model of a family computes, as the engine calls it: the stream before the first block,
// each block, and what follows the last. The engine decides which blocks run when, what of them is
// kept, and whose gradients are wanted.
import type { BlockTensors } from '../nn/block-tensors.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { GradientSum } from './gradient-sum.ts';
import type { Active, Model } from './model.ts';
import type { Objective } from './objective.ts';
import type { HostSequence, PackedSequence, SeeAttention } from './packed-sequence.ts';
import type { Parameter } from './parameters.ts';
import type { Gradient } from './update.ts';
import type { World } from './world.ts';

/** Tensors of one sequence that blocks read beside their stream, by the family's own names. */
export type SequenceInputs = Readonly<Record<string, Tensor>>;

/**
 * Side streams: what blocks of a stage read beside their stream and what depends on tensors of the
 * model, by the family's own names, such as the states of an encoder.
 */
export type Sides = Readonly<Record<string, Tensor>>;

/** What a stage begins with, all of it of its own memory. */
interface Entry {
  /** The stream before its first block, `[T, H]`. */
  readonly x: Tensor;
  readonly sides: Sides;
}

/** For the blocks of a stage that read nothing beside their stream. */
export const noSides: Sides = {};

/** Gradients of what a stage began with. */
export interface EntryGradients {
  readonly stage: number;
  /** Of the stream before its first block, `[T, H]`. */
  readonly x: Tensor;
  /** Of the sides that blocks read. */
  readonly sides: Sides;
  /** The stream after the last block of the stage before; null in the first stage. */
  readonly before: Tensor | null;
}

/** Sums over the target rows are float64 scalars. */
interface MeasuredLoss {
  /** Of each target row. */
  readonly rows: Tensor;
  readonly loss: Tensor;
  /** Target rows whose label the model finds the most likely; absent where they have no label. */
  readonly correct?: Tensor;
  /** Where documents are pictures that are restored: of each in order. */
  readonly likeness?: readonly Likeness[];
  /** Where objects are tracked: of each document, the IoU of the found box with the right one. */
  readonly overlaps?: readonly number[];
}

/** How like its target a picture is (restoration/likeness.ts). */
interface Likeness {
  readonly psnr: number;
  readonly ssim: number;
}

/** Sums over the target rows of a sequence, by name; float64 scalars. */
export interface LossSums {
  /**
   * Of what is reported as loss, whatever is minimized: the negative log-likelihood of a label, or
   * the mean absolute difference of the values of a pixel.
   */
  readonly loss: Tensor;
  /** What else is measured of the loss. */
  readonly [name: string]: Tensor;
}

/** What the outlet reads beside the stream, and whether the gradients of that are wanted. */
interface OutletSides {
  readonly of: Sides;
  readonly areWanted: boolean;
}

export interface OutletPass {
  readonly sums: LossSums;
  /** Gradient of the stream after the last block, `[T, H]`. */
  readonly input: Tensor;
  /** Gradients of the sides that the outlet reads, where they are wanted. @default it reads none */
  readonly sides?: Sides;
}

/** What the outlet gets of one sequence: `x [T, H]` is the stream after the last block. */
export interface OutletInput {
  readonly x: Tensor;
  readonly sequence: PackedSequence;
  readonly sides: OutletSides;
}

/** Loss and gradient at the outlet, whose tensors are complete. */
type Outlet =
  | { outlet(x: Tensor, sequence: PackedSequence, sides: OutletSides): OutletPass }
  /** Of all sequences of the step, where the loss compares them. Collective. */
  | { outlets(all: readonly OutletInput[]): readonly OutletPass[] };

/** The two ends of a model in one step. They add up the gradients of the active tensors there. */
export type StepEnds = Outlet & EndGradients;

interface EndGradients {
  /** Of the active tensors of the outlet, after the last sequence. */
  outletGradients(): readonly Gradient[];
  /**
   * Adds up the gradients of the active tensors of a stage's inlet, which are complete where the
   * network reads them, and gives that of `before`; null in the first stage.
   */
  inlet(gradients: EntryGradients, sequence: PackedSequence): Tensor | null;
  /** Of the active tensors of a stage's inlet, after the last sequence. */
  inletGradients(stage: number): readonly Gradient[];
}

export interface EndSettings {
  readonly active: Active;
  /** Null: what the network minimizes by itself. */
  readonly objective: Objective | null;
  /** 1 over the target rows of the global batch. */
  readonly scale: number;
  /** The ranks that the step is computed by. */
  readonly world: World;
  /** Adds up gradients of parameters over the sequences of the step. */
  sum(parameters: readonly Parameter[]): GradientSum;
}

export interface Network {
  /** Whether the backward of an inlet reads its tensors: they are complete meanwhile. */
  readonly inletReadsInBackward: boolean;
  inputs(
    host: Pick<HostSequence, 'positions' | 'segments' | 'values' | 'texts'>,
    dtype: DType,
  ): SequenceInputs;
  /**
   * Offsets of the documents in each stage but the last, whose tokens are those of `ids`; as many
   * documents as there, where blocks of the last read those of the others.
   */
  offsetsBefore(host: Pick<HostSequence, 'offsets' | 'values' | 'texts'>): readonly Int32Array[];
  /**
   * What a stage begins with; the tensors of its inlet are complete. `before`: the stream after the
   * last block of the stage before, null in the first.
   */
  enter(model: Model, sequence: PackedSequence, stage: number, before: Tensor | null): Entry;
  /** `x [T, H]` → `[T, H]`, the stream after block `layer`. `see` is shown what attention reads. */
  block(
    layer: number,
    tensors: BlockTensors,
    x: Tensor,
    sequence: PackedSequence,
    sides: Sides,
    see?: SeeAttention,
  ): Tensor;
  /**
   * The loss of the target rows of `x [T, H]`, the stream after the last block; keeps nothing for a
   * backward.
   */
  loss(model: Model, x: Tensor, sequence: PackedSequence, sides: Sides): MeasuredLoss;
  /**
   * What the outputs of each target are computed of, `[targets, values]`, by `x [T, H]`, the stream
   * after the last block; the tensors of the outlet are complete.
   */
  targetStates(model: Model, x: Tensor, sequence: PackedSequence, sides: Sides): Tensor;
  /**
   * Their outputs, logits or values of pixels: `[targets, outputs]` in float32 (float64 for a
   * float64 model).
   */
  logits(model: Model, states: Tensor): Tensor;
  /** To be asked once all blocks have passed all sequences: it may hold gradients. */
  ends(model: Model, settings: EndSettings): StepEnds;
}
