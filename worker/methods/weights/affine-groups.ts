// Numbers in a few bits: groups of up to 256 neighbours of a row share a scale and a zero.
//
//   w ≈ (q - z) s      q, z whole, from 0 to 2^bits - 1
// Groups never cross a row, so that rows can be shared out. Zero lies in the range of every group,
// which so holds groups of one sign too (the release of Q-GaLore clamps z instead, and is wrong by
// half for numbers from 0.5 to 0.6).
//
// The range has one step less than there are codes, 2^bits - 2, and z is rounded up: then w/s + z +
// u stays within the codes for every u from 0 to 1, and no number is cut off. To nearest, all are
// off by half a scale at most; stochastically, the mean of what comes back is w, for the least and
// the largest of a group too (the release rounds z to nearest and loses up to a third of a step
// there).
import * as ops from '../../tensor/ops.generated.ts';
import type { Stream } from '../../tensor/rng.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface Coded {
  /** uint8, the shape of what was coded, `[rows, columns]`. */
  readonly codes: Tensor;
  /** `[rows, groups]`, float32, as what is coded. */
  readonly scales: Tensor;
  /** `[rows, groups]`, uint8. */
  readonly zeros: Tensor;
}

const largestGroup = 256;

/** Length of the groups of a row: the largest divisor of its length up to 256. */
export function groupOf(length: number): number {
  for (let size = Math.min(length, largestGroup); size > 1; size -= 1) {
    if (length % size === 0) return size;
  }
  return 1;
}

/** Each number of `x [rows, columns]` by the code nearest to it: off by half a scale at most. */
export function codeNearest(x: Tensor, bits: 4 | 8): Coded {
  const [rows = 0, columns = 1] = x.shape;
  const perGroup = [rows, columns / groupOf(columns)];
  const codes = ops.empty(x.shape, { dtype: 'uint8' });
  const scales = ops.empty(perGroup, { dtype: 'float32' });
  const zeros = ops.empty(perGroup, { dtype: 'uint8' });
  ops.affineCode_(codes, scales, zeros, x, bits);
  return { codes, scales, zeros };
}

/**
 * Each number by a code beside it, up with the probability of its distance from below, in the place
 * of what was coded before.
 */
export function quantizeStochastically_(
  { codes, scales, zeros }: Coded,
  x: Tensor,
  bits: 4 | 8,
  stream: Stream,
): void {
  ops.affineCode_(codes, scales, zeros, x, bits, stream.key);
}

/**
 * What a matrix becomes: `kept (W + alpha left right)`, left `[rows, R]`, right `[R, columns]`,
 * both bfloat16 or both float32.
 */
export interface ProductChange {
  readonly left: Tensor;
  readonly right: Tensor;
  readonly alpha: number;
  /** What decay leaves. */
  readonly kept: number;
}

/**
 * The same as changing numbers of 8 bits that were decoded and are quantized stochastically,
 * without a matrix of them.
 */
export function changeStochastically_(
  { codes, scales, zeros }: Coded,
  { left, right, alpha, kept }: ProductChange,
  stream: Stream,
): void {
  ops.affineAddProduct_(codes, scales, zeros, left, right, alpha, kept, stream.key);
}

/** The numbers again, in the given type. */
export function decode({ codes, scales, zeros }: Coded, dtype: 'float32' | 'bfloat16'): Tensor {
  return ops.affineDecode(codes, scales, zeros, codes.shape[1] ?? 0, false, { dtype });
}

/** The numbers of codes of 4 bits that were packed by `packHalves`, `[rows, columns]`. */
export function decodeHalves(
  { codes, scales, zeros }: Coded,
  columns: number,
  dtype: 'float32' | 'bfloat16',
): Tensor {
  return ops.affineDecode(codes, scales, zeros, columns, true, { dtype });
}

/** Two codes of 4 bits in a byte, the first in the low half; flat. An odd last one stands alone. */
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
