// What a model of a family computes, as the engine calls it: the stream before the first block,
// each block, and what follows the last. The engine decides which blocks run when, what of them is
// kept, and whose gradients are wanted.
import type { BlockTensors } from '../nn/block-tensors.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Model } from './model.ts';
import type { PackedSequence, SeeAttention } from './packed-sequence.ts';

/** Tensors of one sequence that blocks read beside their stream, by the family's own names. */
export type SequenceInputs = Readonly<Record<string, Tensor>>;

/** Sums over the target rows are float64 scalars. */
interface MeasuredLoss {
  /** Of each target row. */
  readonly rows: Tensor;
  readonly nll: Tensor;
  /** Target rows whose label the model finds the most likely. */
  readonly correct: Tensor;
}

export interface Network {
  /** `positions [T]`: within the documents. */
  inputs(positions: Int32Array, dtype: DType): SequenceInputs;
  /** The stream before the first block, `[T, H]`; the tensors of the inlet are complete. */
  enter(model: Model, sequence: PackedSequence): Tensor;
  /** `x [T, H]` → `[T, H]`, the stream after block `layer`. `see` is shown what attention reads. */
  block(
    layer: number,
    tensors: BlockTensors,
    x: Tensor,
    sequence: PackedSequence,
    see?: SeeAttention,
  ): Tensor;
  /**
   * The loss of the target rows of `x [T, H]`, the stream after the last block; keeps nothing for a
   * backward.
   */
  loss(model: Model, x: Tensor, sequence: PackedSequence): MeasuredLoss;
}
