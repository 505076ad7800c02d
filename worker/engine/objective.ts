// What is minimized over the target rows at the head of a language model, by its loss and its
// gradient. All blocks have passed all micro-batches by then. An objective of given tokens is a
// weight of each row (`rowWeight` of `headNll`); others compute their gradient by the logits
// themselves.
import type { Tensor } from '../tensor/tensor.ts';
import type { LossSums } from './network.ts';
import type { PackedSequence } from './packed-sequence.ts';

interface HeadRows {
  /** Normed states of the target rows, `[rows, H]`. */
  readonly h: Tensor;
  /** `[V, H]`. */
  readonly weight: Tensor;
  readonly sequence: PackedSequence;
  /** 1 over the target tokens of the global batch. */
  readonly scale: number;
  /** Of the logits; 0 for none. */
  readonly cap: number;
  /** Where the head is active: its gradient is added here, in float32. */
  readonly dweight: Tensor | null;
}

interface RowsLoss {
  readonly sums: LossSums;
  /** Gradient by `h`. */
  readonly dh: Tensor;
}

export interface Objective {
  of(rows: HeadRows): RowsLoss;
}
