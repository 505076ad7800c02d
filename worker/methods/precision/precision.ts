// The precision axis: the arithmetic of the blocks' linear layers, where it differs from that of
// their tensors' types.
import type { Parameter } from '../../engine/parameters.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { DropoutDraw } from '../adapters/adapter.ts';

/** A linear layer without an adapter. */
export interface PlainLinear {
  /** Name of the weight, as in Hugging Face files. */
  readonly name: string;
  /** `[out, in]`; a leaf of the tape while it is active. */
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

export interface Precision {
  readonly name: string;
  /**
   * `x W^T + bias` for layers with the same input `x [T, in]`, in the type of `x`; `draw` is null
   * in evaluation.
   */
  linears(x: Tensor, layers: readonly PlainLinear[], draw: DropoutDraw | null): readonly Tensor[];
  /** Whether it computes the layer with this weight; others are as without it. @default all */
  computes?(name: string): boolean;
  /** The same without what is rounded of inputs; null where nothing is left. @default null */
  readonly unrounded?: (() => Precision) | null;
  /** Why some layers are computed in the type of the model: a sentence for each reason. */
  fallbacks(parameters: readonly Parameter[]): readonly string[];
  /** The value of a parameter has changed. */
  forget(name: string): void;
  /** All parameters may have changed, or the model is about to be freed. */
  forgetAll(): void;
}

/** Whether it is the weight of a linear layer of a block, not of an adapter. */
export function isBlockLinear({ name, layer, shape }: Parameter): boolean {
  return typeof layer === 'number' && shape.length === 2 && /_proj\.weight$/.test(name);
}
