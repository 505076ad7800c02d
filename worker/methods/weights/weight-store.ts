// The base axis: how the frozen matrices of the blocks' linear layers are stored. Products read the
// stored form (`ops.linear` and its groups take dense and quantised weights alike), so nothing else
// in the engine depends on it.
import type { RoundingSettings } from '../../quantize/quantize-matrix.ts';
import type { DType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface WeightStore {
  readonly name: string;
  /** A frozen matrix `[out, in]` in stored form; null keeps all as they are in their files. */
  readonly quantize: ((matrix: Tensor) => Tensor) | null;
  /** How integers are made with inputs of layers instead, before there is a model. */
  readonly calibrated?: Calibrated;
  /** A form for each matrix instead, chosen before there is a model. */
  readonly mixed?: { readonly averageBits: string };
}

interface Calibrated {
  /** Of the training data, the first ones. */
  readonly sequences: number;
  readonly rounding: RoundingSettings;
}

/** Of a matrix in stored form that was made with inputs, in the file of what a run begins with. */
export const storedSuffix = 'weight_stored';

/** Which form a matrix of a mixed base has, there. */
export const formSuffix = 'weight_form';

/** Constants of worker/native/kernels/quantized/layout.h. */
export const formats = { NF4: 1, NF4Double: 2, Int8: 3, Int4: 4, Int3: 5, Int2: 6 } as const;

/** A quantised weight is bytes: codes, scales, and a header that describes them. */
export function isQuantized(weight: Tensor): boolean {
  return weight.dtype === 'uint8';
}

/** A dense weight itself, or the dequantized float32 values. */
export function denseOf(weight: Tensor): Tensor {
  return isQuantized(weight) ? ops.dequantizeWeight(weight, { dtype: 'float32' }) : weight;
}

/** The dense or dequantized values in `dtype`; always a new tensor. */
export function denseCopy(weight: Tensor, dtype: DType): Tensor {
  return isQuantized(weight)
    ? ops.dequantizeWeight(weight, { dtype })
    : ops.toCopy(weight, { dtype });
}
