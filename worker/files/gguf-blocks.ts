// Matrices as the blocks of a GGUF file and back: what training computes with on a grid of blocks,
// and what a file gets, are made here alike.
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type GgufTypeName, ggufTensorType } from './gguf-types.ts';

/** Types without blocks. */
export const plainDTypes: { readonly [Type in GgufTypeName]?: DType } = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/**
 * The bytes of each row, uint8 `[rows, bytes]`. `importance`: what columns count for while codes
 * are chosen, float32.
 */
export function rowsInBlocks(
  rows: Tensor,
  type: GgufTypeName,
  importance: Tensor | null = null,
): Tensor {
  const [count = 1] = rows.shape;
  const dtype = plainDTypes[type];
  const bytes =
    dtype === undefined
      ? ops.ggufQuantize(ops.contiguous(rows), ggufTensorType(type).code, importance)
      : ops.viewDtype(ops.contiguous(ops.to(rows, dtype)), 'uint8');
  return ops.view(bytes, [count, -1]);
}

/** What such rows decode to, in float32. */
export function rowsOfBlocks(blocks: Tensor, type: GgufTypeName, shape: readonly number[]): Tensor {
  const dtype = plainDTypes[type];
  if (dtype !== undefined) {
    return ops.view(ops.to(ops.viewDtype(blocks, dtype), 'float32'), shape);
  }
  const { code } = ggufTensorType(type);
  const count = shape.reduce((product, size) => product * size, 1);
  const flat = ops.view(blocks, [-1]);
  return ops.view(ops.ggufDequantize(flat, code, count, { dtype: 'float32' }), shape);
}
