// What is minimized over the target rows at the head, by its loss and its gradient. All blocks have
// passed all micro-batches by then. An objective of given tokens is a weight of each row
// (`rowWeight` of `headNll`); others compute their gradient by the logits themselves.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
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

/** All sums are over the rows, float64 scalars. */
interface RowsLoss {
  /** Of the negative log-likelihoods, whatever is minimized. */
  readonly nll: Tensor;
  /** What else the objective measures, `size` sums. */
  readonly measured: readonly Tensor[];
  /** Gradient by `h`. */
  readonly dh: Tensor;
}

export interface Objective {
  readonly size: number;
  of(rows: HeadRows): RowsLoss;
}

export const crossEntropy: Objective = {
  size: 0,
  of({ h, weight, sequence, scale, cap, dweight }) {
    const [, sums, dh] = ops.headNll(h, weight, sequence.labels, { invN: scale, cap, dweight });
    return { nll: ops.select(sums, 0, 0), measured: [], dh };
  },
};
