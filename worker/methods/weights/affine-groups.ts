// Affine quantization: groups of up to 256 neighbours of a row share a scale and a zero point.
//
//   w ≈ (q - z) s      q, z integers from 0 to 2^bits - 1
// Groups never cross a row, so that rows can be sharded. The range of every group includes zero, so
// that groups of one sign work too (the release of Q-GaLore clamps z instead, which is wrong by
// half for values from 0.5 to 0.6).
//
// The range has one step less than the integers allow, 2^bits - 2, and z is rounded up: then
// w/s + z + u is within range for every u from 0 to 1, and no value is clamped. Rounding to nearest
// is off by half a scale at most; the mean of stochastic rounding is w, also for the least and the
// largest value of a group (the release rounds z to nearest and loses up to a third of a step
// there).
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Stream } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface Coded {
  /** Quantized values: uint8, in the shape of the matrix, `[rows, columns]`. */
  readonly codes: Tensor;
  /** `[rows, groups]`, float32, or the type of the matrix. */
  readonly scales: Tensor;
  /** Zero points: `[rows, groups]`, uint8. */
  readonly zeros: Tensor;
}

const largestGroup = 256;

/** Group size for rows of this length: the largest divisor up to 256. */
export function groupOf(length: number): number {
  for (let size = Math.min(length, largestGroup); size > 1; size -= 1) {
    if (length % size === 0) return size;
  }
  return 1;
}

/** Quantizes `x [rows, columns]` to nearest: off by half a scale at most. */
export function codeNearest(x: Tensor, bits: 4 | 8): Coded {
  const [rows = 0, columns = 1] = x.shape;
  const perGroup = [rows, columns / groupOf(columns)];
  const codes = ops.empty(x.shape, { dtype: 'uint8' });
  const scales = ops.empty(perGroup, { dtype: 'float32' });
  const zeros = ops.empty(perGroup, { dtype: 'uint8' });
  ops.affineCode_(codes, scales, zeros, x, bits);
  return { codes, scales, zeros };
}

/** Quantizes with stochastic rounding, overwriting the previous values. */
export function quantizeStochastically_(
  { codes, scales, zeros }: Coded,
  x: Tensor,
  bits: 4 | 8,
  stream: Stream,
): void {
  ops.affineCode_(codes, scales, zeros, x, bits, stream.key);
}

/**
 * A change of a matrix: `kept (W + alpha left right)`, left `[rows, R]`, right `[R, columns]`, both
 * bfloat16 or both float32.
 */
export interface ProductChange {
  readonly left: Tensor;
  readonly right: Tensor;
  readonly alpha: number;
  /** Factor of weight decay. */
  readonly kept: number;
}

/**
 * The same as decoding 8-bit values, changing them and quantizing them stochastically, without a
 * decoded matrix.
 */
export function changeStochastically_(
  { codes, scales, zeros }: Coded,
  { left, right, alpha, kept }: ProductChange,
  stream: Stream,
): void {
  ops.affineAddProduct_(codes, scales, zeros, left, right, alpha, kept, stream.key);
}

/** Decodes to the given type. */
export function decode({ codes, scales, zeros }: Coded, dtype: 'float32' | 'bfloat16'): Tensor {
  return ops.affineDecode(codes, scales, zeros, codes.shape[1] ?? 0, false, { dtype });
}

/** Decodes 4-bit values that were packed by `packHalves`, `[rows, columns]`. */
export function decodeHalves(
  { codes, scales, zeros }: Coded,
  columns: number,
  dtype: 'float32' | 'bfloat16',
): Tensor {
  return ops.affineDecode(codes, scales, zeros, columns, true, { dtype });
}

/** Packs two 4-bit values into a byte, the first in the low half; flat. The last may be alone. */
export function packHalves(codes: Tensor): Tensor {
  return scope(() => {
    const flat = ops.view(codes, [-1]);
    const even =
      flat.numel % 2 === 0 ? flat : ops.cat([flat, ops.zeros([1], { dtype: 'uint8' })], 0);
    const pairs = ops.view(even, [-1, 2]);
    const [low, high] = [0, 1].map((half) => ops.select(pairs, 1, half)) as [Tensor, Tensor];
    return ops.add(low, ops.bitwiseLeftShiftScalar(high, 4));
  });
}
