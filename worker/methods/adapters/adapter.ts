// The adapter axis: what is trained beside a frozen linear layer. An adapter names the tensors that
// it adds and how they change the weight (`factors`); forward, merge and export follow from that.
import type { DecoderConfig } from '../../decoder/config.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Delta } from './delta.ts';

/** A linear layer as an adapter sees it: `y = x W^T`, `W` is `[out, in]`. */
export interface LinearLayer {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly layer: number;
  readonly out: number;
  readonly in: number;
  /** Of the model that it is in. */
  readonly model: ModelSizes;
}

/** Blocks, query heads, key/value heads, head size, MLP size. */
type ModelSizes = Pick<DecoderConfig, 'L' | 'NH' | 'NK' | 'D' | 'I'>;

/** Fixed factors are kept: they are saved and published, and not trained. */
interface NewTensors {
  readonly trained: Readonly<Record<string, Tensor>>;
  readonly kept?: Readonly<Record<string, Tensor>>;
}

/** Suffixes of A and B in PEFT's files, and here. */
export const factorA = 'lora_A.weight';
export const factorB = 'lora_B.weight';

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
