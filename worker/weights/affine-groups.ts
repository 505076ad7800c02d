// Numbers in a few bits: groups of up to 256 neighbours of a row share a scale and a zero.
//
//   w ≈ (q - z) s      q, z whole, from 0 to 2^bits - 1
// Groups never cross a row, so that rows can be shared out. Zero lies in the range of every group, which so holds groups of
// one sign too (the release of Q-GaLore clamps z instead, and is wrong by half for numbers from 0.5 to 0.6).
//
// The range has one step less than there are codes, 2^bits - 2, and z is rounded up: then w/s + z + u stays within the codes for
// every u from 0 to 1, and no number is cut off. To nearest, all are off by half a scale at most; by chance, the mean of what
// comes back is w, for the least and the largest of a group too (the release rounds z to nearest and loses up to a third of a step there).
import * as ops from '../tensor/ops.generated.ts';
import { type Stream, uniform } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface Coded {
  /** uint8, the shape of what was coded. */
  readonly codes: Tensor;
  /** `[rows, groups]`, float32, as what is coded. */
  readonly scales: Tensor;
  /** `[rows, groups]`, uint8. */
  readonly zeros: Tensor;
}

const largestGroup = 256;
/** A group that is narrower has this scale. */
const least = 1e-12;

/** Length of the groups of a row: the largest divisor of its length up to 256. */
export function groupOf(length: number): number {
  for (let size = Math.min(length, largestGroup); size > 1; size -= 1) {
    if (length % size === 0) return size;
  }
  return 1;
}

/** Each number by the code nearest to it: off by half a scale at most. */
export function codeNearest(x: Tensor, bits: 4 | 8): Coded {
  return code(x, bits, (places) => ops.addScalar_(places, 0.5));
}

/** Each number by a code beside it, up with the probability of its distance from below. */
export function codeByChance(x: Tensor, bits: 4 | 8, stream: Stream): Coded {
  return code(x, bits, (places) => ops.add_(uniform(places.shape, 0, 1, stream), places));
}

/** `lift` adds what makes a whole number of a place when the rest is cut off. */
function code(x: Tensor, bits: 4 | 8, lift: (places: Tensor) => Tensor): Coded {
  return scope(() => {
    const last = 2 ** bits - 1;
    const groups = grouped(x);
    const low = ops.clamp(ops.amin(groups, [-1], true), null, 0);
    const high = ops.clamp(ops.amax(groups, [-1], true), 0);
    const scales = ops.clamp(ops.divScalar(ops.sub(high, low), last - 1), least);
    const zeros = ops.ceil(ops.div(ops.neg(low), scales));
    const codes = scope(() => {
      const places = ops.add_(ops.div(groups, scales), zeros);
      // Within the codes but for the rounding of float32 at the ends.
      return ops.to(ops.clamp_(lift(places), 0, last), 'uint8');
    });
    const perGroup = groups.shape.slice(0, -1);
    return {
      codes: ops.view(codes, x.shape),
      scales: ops.view(scales, perGroup),
      zeros: ops.to(ops.view(zeros, perGroup), 'uint8'),
    };
  });
}

/** The numbers again, in the given type. */
export function decode({ codes, scales, zeros }: Coded, dtype: 'float32' | 'bfloat16'): Tensor {
  return scope(() => {
    const values = grouped(ops.to(codes, 'float32'));
    ops.sub_(values, ops.unsqueeze(zeros, -1));
    ops.mul_(values, ops.unsqueeze(scales, -1));
    return ops.to(ops.view(values, codes.shape), dtype);
  });
}

/** `[rows, columns]` → `[rows, groups, length]`. */
function grouped(x: Tensor): Tensor {
  const [rows = 1, columns = 1] = x.shape;
  const size = groupOf(columns);
  return ops.view(x, [rows, columns / size, size]);
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

export function unpackHalves(bytes: Tensor, shape: readonly number[]): Tensor {
  return scope(() => {
    const low = ops.bitwiseAndScalar(bytes, 15);
    const high = ops.bitwiseRightShiftScalar(bytes, 4);
    const flat = ops.view(ops.stack([low, high], 1), [-1]);
    const count = shape.reduce((product, size) => product * size, 1);
    return ops.view(ops.contiguous(ops.narrow(flat, 0, 0, count)), shape);
  });
}
