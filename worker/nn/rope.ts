// Rotary position embedding in the half-split form of Hugging Face files. Angles are computed in
// float64 and rounded once to the type of the table: float32 (float64 in a float64 model), since
// bfloat16 cannot represent position 5,000.
import type { RopeFrequencies } from '../decoder/rope.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';

/** Rotation tables of one sequence: cos and sin, `[T, dims / 2]`, times the attention factor. */
export interface RopeTable {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

export function ropeTable(rope: RopeFrequencies, positions: Int32Array, dtype: DType): RopeTable {
  const pairs = rope.frequencies.length;
  const cos = new Float64Array(positions.length * pairs);
  const sin = new Float64Array(positions.length * pairs);
  for (const [t, position] of positions.entries()) {
    for (const [pair, frequency] of rope.frequencies.entries()) {
      const angle = position * frequency;
      cos[t * pairs + pair] = Math.cos(angle) * rope.attentionFactor;
      sin[t * pairs + pair] = Math.sin(angle) * rope.attentionFactor;
    }
  }
  const table = exactType(dtype);
  const shape = [positions.length, pairs];
  return { cos: tensor(cos, shape, table), sin: tensor(sin, shape, table) };
}

/** Rotates `x [T, heads, D]`; dimensions after the rotated ones pass through. */
export function rotate(x_TND: Tensor, table: RopeTable): Tensor {
  return ops.rope(x_TND, table.cos, table.sin);
}
