// The adapter axis: what trains beside a frozen linear layer. An adapter says which tensors it adds
// and what they do to the weight (`factors`); forward, merge and export follow from that alone.
import type { Tensor } from '../../tensor/tensor.ts';

/** A linear layer as an adapter sees it: `y = x W^T`, `W` is `[out, in]`. */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly layer: number;
  readonly out: number;
  readonly in: number;
}

/** `W` becomes `W + scale * B A`, with `A [r, in]` and `B [out, r]`. */
export interface Delta {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
  /** Whether `dropped` gives another input than `x`. */
  readonly drops: boolean;
  /** The adapter's own input when it drops some of it in training; null leaves `x` as it is. */
  dropped(x: Tensor): Tensor | null;
}

export interface Adapter {
  readonly name: string;
  /** Whether the layer gets tensors at all. */
  targets(layer: LinearLayer): boolean;
  /** Fresh trained tensors by suffix (`lora_A.weight`); the model's function must not change. */
  initialize(layer: LinearLayer): Readonly<Record<string, Tensor>>;
  factors(layer: LinearLayer, tensors: (suffix: string) => Tensor, draw: DropoutDraw | null): Delta;
  /** Learning-rate factor of one tensor (LoRA+); 1 where nothing is said. */
  learningRateFactor(suffix: string): number;
}

/**
 * Names one dropout mask; null in evaluation. The same draw gives the same mask in recomputation.
 */
export interface DropoutDraw {
  readonly seed: bigint;
  readonly step: number;
  readonly key: number;
}
