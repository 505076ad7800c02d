// Histograms of weights in intervals whose widths are powers of two, as steps of fixed point are:
// the histogram of rounded weights follows from that of the weights.
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { FixedPoint } from './fixed-point.ts';

/** Of `2^resolution + 1` intervals, whose centres go from -2^range to 2^range. */
export interface Histogram {
  readonly range: number;
  readonly resolution: number;
  /** Counts of the values in each half of an interval. */
  readonly halves: readonly number[];
}

/** The largest magnitude of the values, a scalar. */
export function magnitude(values: Tensor): Tensor {
  return scope(() => ops.amax(ops.abs(values)));
}

/** The exponent of the least power of two that no value exceeds; 0 where all are zero. */
export function rangeOf(magnitude: number): number {
  if (magnitude === 0) return 0;
  const near = Math.ceil(Math.log2(magnitude));
  if (magnitude > 2 ** near) return near + 1;
  return magnitude <= 2 ** (near - 1) ? near - 1 : near;
}

/** Exponents that are told apart; smaller ones count as the first, larger ones as the last. */
const exponents = { first: -40, count: 64 } as const;

/**
 * How many values have which exponent: the least whose power of two no value exceeds by half a
 * interval, of 2^resolution intervals from minus that power to it. Rounding to intervals does not
 * change that.
 */
export function countedExponents(values: Tensor, resolution: number): Tensor {
  return scope(() => {
    const exact = ops.to(values, exactType(values.dtype));
    const scaled = ops.mulScalar_(ops.abs(ops.view(exact, [-1])), 1 / (1 + 2 ** -resolution));
    const found = ops.floor(ops.log2(scaled));
    const { first, count } = exponents;
    const places = ops.clamp_(ops.addScalar_(found, 1 - first), 0, count - 1);
    // What is no number is in some place, too.
    const whole = ops.clamp_(ops.to(places, 'int64'), 0, count - 1);
    return ops.bincount(whole, null, count);
  });
}

/** The least exponent that the share of the values has at most. */
function exponentOf(counts: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  const place = counts.findIndex((count) => {
    sum += count;
    return sum >= share * total;
  });
  return exponents.first + place;
}

export const exponentCount = exponents.count;

/**
 * How many values are in each half of `2^resolution + 1` intervals. Their centres are multiples of
 * `2^(range - resolution + 1)` from -2^range to 2^range; no value may be larger.
 */
export function countedHalves(values: Tensor, range: number, resolution: number): Tensor {
  return scope(() => {
    const exact = ops.to(values, exactType(values.dtype));
    const halves = ops.floor(ops.mulScalar(ops.view(exact, [-1]), 2 ** (resolution - range)));
    const places = ops.to(ops.addScalar_(halves, 2 ** resolution), 'int64');
    return ops.bincount(places, null, 2 ** (resolution + 1) + 1);
  });
}

/** Share of the weights that are the bulk, and the most powers of two that others exceed it by. */
const bulk = { share: 0.99, beyond: 6 } as const;

/**
 * The resolution of a histogram of all weights whose intervals are those of the bulk, for the
 * counts of exponents.
 */
export function resolutionOfAll(
  counts: readonly number[],
  range: number,
  resolution: number,
): number {
  const beyond = range - exponentOf(counts, bulk.share);
  return resolution + Math.min(bulk.beyond, Math.max(0, beyond));
}

/**
 * Kullback-Leibler divergence of the rounded values' histogram from that of the values, in nats;
 * infinite where an interval had no value before.
 */
export function divergence(
  { range, resolution, halves }: Histogram,
  { bits, fraction }: FixedPoint,
): number {
  const before = inIntervals(halves, resolution, (half) => Math.floor((half + 1) / 2));
  // Intervals of the histogram in a step of the format.
  const width = 2 ** (resolution - 1 - range - fraction);
  const half = 2 ** (bits - 1);
  const after = inIntervals(halves, resolution, (at) => {
    const n = Math.floor((at + width) / (2 * width));
    return width * Math.min(half - 1, Math.max(-half, n));
  });
  const total = halves.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (const [interval, count] of after) {
    const was = before.get(interval) ?? 0;
    if (was === 0) return Number.POSITIVE_INFINITY;
    sum += (count / total) * Math.log(count / was);
  }
  return sum;
}

/** Counts by interval, of which each half is in one. */
function inIntervals(
  halves: readonly number[],
  resolution: number,
  intervalOf: (half: number) => number,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const [i, count] of halves.entries()) {
    if (count === 0) continue;
    const interval = intervalOf(i - 2 ** resolution);
    counts.set(interval, (counts.get(interval) ?? 0) + count);
  }
  return counts;
}
