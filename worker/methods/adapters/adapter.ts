// The adapter axis: what is trained beside a frozen linear layer. An adapter names the tensors that
// it adds and how they change the weight (`factors`); forward, merge and export follow from that.
import type { Tensor } from '../../tensor/tensor.ts';

/** A linear layer as an adapter sees it: `y = x W^T`, `W` is `[out, in]`. */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly layer: number;
  readonly out: number;
  readonly in: number;
}

/**
 * `W` becomes `W + scale * B A`, with `A [r, in]` and `B [out, r]`; an adapter with more factors
 * gives their products as A or B.
 */
export interface Delta {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
  /** Whether `dropped` returns anything but null. */
  readonly drops: boolean;
  /** The adapter's input after dropout; null where it is `x` itself. */
  dropped(x: Tensor): Tensor | null;
}

/** Fixed factors are kept: they are saved and published, and not trained. */
interface NewTensors {
  readonly trained: Readonly<Record<string, Tensor>>;
  readonly kept?: Readonly<Record<string, Tensor>>;
}

/** Suffixes of A and B in PEFT's files, and here. */
export const factorA = 'lora_A.weight';
export const factorB = 'lora_B.weight';

/** Factors of an adapter that drops no inputs. */
export function plainDelta(A: Tensor, B: Tensor, scale: number): Delta {
  return { A, B, scale, drops: false, dropped: () => null };
}

export interface Adapter {
  readonly name: string;
  /** Whether `initialize` reads the weight. */
  readonly readsWeights: boolean;
  /** Whether the layer gets an adapter. */
  targets(layer: LinearLayer): boolean;
  /**
   * New tensors by suffix (`lora_A.weight`); the model must compute the same function with them.
   * `weight` reads the frozen weight as its file has it, `[out, in]`, in float32 at least.
   */
  initialize(layer: LinearLayer, weight: () => Tensor): NewTensors;
  factors(layer: LinearLayer, tensors: (suffix: string) => Tensor, draw: DropoutDraw | null): Delta;
  /** Learning-rate factor of a tensor (LoRA+); 1 by default. */
  learningRateFactor(suffix: string): number;
  /**
   * Whether weight decay pulls a tensor to zero: only where the model is that of the files then.
   */
  decays(suffix: string): boolean;
}

/** Names one dropout mask, so that recomputation repeats it; null in evaluation. */
export interface DropoutDraw {
  readonly seed: bigint;
  readonly step: number;
  readonly key: number;
}
