// Values inside a block at which a loss of its own may begin, beside that of the task. Its gradient
// enters the tape there, so no tape grows, and a recomputed block counts once.
import type { Tensor } from '../tensor/tensor.ts';

/** Both halves of a gated MLP `[T, I]`, and the number of its activation (swiglu.h). */
export interface GatedHalves {
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly activation: number;
}

/** Where the tokens of a micro-batch went in a mixture of experts. */
export interface Routing {
  /** Of each token and expert, `[T, N]`, before the choice. */
  readonly probabilities: Tensor;
  /** How many tokens chose each expert. */
  readonly counts: readonly number[];
}

/** The part of such a loss in one block and micro-batch. */
export interface Inside {
  readonly at: readonly Tensor[];
  /** One for each tensor of `at`. */
  gradients(): readonly Tensor[];
  /** What is added up over blocks and micro-batches: float64, `[size]` of its loss. */
  measured(): Tensor;
}

export interface InsideLoss {
  /** Number of values that it measures. */
  readonly size: number;
  gated?(halves: GatedHalves): Inside;
  routed?(routing: Routing): Inside;
}
