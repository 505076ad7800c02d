// The precision axis: the arithmetic of the linear layers of the blocks, where it is another than
// that of the tensors' types.
import type { Parameter } from '../../engine/parameters.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** A linear layer without an adapter. */
export interface PlainLinear {
  /** Of the weight, as in Hugging Face files. */
  readonly name: string;
  /** `[out, in]`; a leaf of the tape where it is active. */
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

export interface Precision {
  readonly name: string;
  /** `x W^T + bias` of layers that read the same `x [T, in]`, in its type. */
  linears(x: Tensor, layers: readonly PlainLinear[]): readonly Tensor[];
  /** Why layers are computed in the type of the model nevertheless: a sentence for each reason. */
  fallbacks(parameters: readonly Parameter[]): readonly string[];
  /** The value of a parameter has changed. */
  forget(name: string): void;
  /** All may have changed, or nothing is computed any more. */
  forgetAll(): void;
}
