// Histograms of the weights of layers, over all ranks: each counts its own shards. Their intervals
// follow from magnitudes that are agreed upon first.
import {
  countedExponents,
  countedHalves,
  exponentCount,
  type Histogram,
  magnitude,
  rangeOf,
  resolutionOfAll,
} from '../methods/weights/histogram.ts';
import type { Shard } from '../sharding/shards.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { World } from './world.ts';

export interface Held {
  readonly shards: readonly Shard[];
  readonly device: Device;
  readonly world: Pick<World, 'rank' | 'size' | 'sum'>;
}

interface Asked {
  readonly path: string;
  /** There are 2^resolution + 1 intervals for the bulk of the weights. */
  readonly resolution: number;
}

/**
 * One of each layer; null where weights are infinite or no numbers. Collective; the host waits for
 * the device twice.
 */
export function histogramsOf(held: Held, asked: readonly Asked[]): readonly (Histogram | null)[] {
  const { shards, device, world } = held;
  const values = new Map(shards.map(({ parameter: { name, value } }) => [name, value]));
  const own = asked.map(({ path }) => values.get(`${path}.weight`) ?? null);
  const magnitudes = magnitudesOf(held, own, asked);
  const intervals = asked.map(({ resolution }, i) => {
    const { largest, exponents } = magnitudes[i] ?? { largest: Number.NaN, exponents: [] };
    if (!Number.isFinite(largest)) return null;
    const range = rangeOf(largest);
    return { range, resolution: resolutionOfAll(exponents, range, resolution) };
  });
  const counts = scope(
    () => [...toArray(ops.cat(intervals.map((one, i) => halvesOf(own[i] ?? null, one))))],
    device,
  );
  const all = world.sum(counts);
  let at = 0;
  return intervals.map((one) => {
    if (one === null) return null;
    const halves = all.slice(at, at + halvesIn(one));
    at += halvesIn(one);
    return { ...one, halves };
  });
}

interface Magnitudes {
  readonly largest: number;
  /** Counts of the exponents. */
  readonly exponents: readonly number[];
}

function magnitudesOf(
  { device, world }: Held,
  own: readonly (Tensor | null)[],
  asked: readonly Asked[],
): readonly Magnitudes[] {
  const { length } = asked;
  const found = scope(() => {
    const exponents = own.map((value, i) => exponentsOf(value, asked[i]?.resolution ?? 0));
    return [...toArray(ops.cat([ops.stack(own.map(largestOf)), ...exponents]))];
  }, device);
  // Each rank in its own place: a sum then has the largest values of all.
  const blank = new Array<number>(length).fill(0);
  const places = Array.from({ length: world.size }, (_, rank) =>
    rank === world.rank ? found.slice(0, length) : blank,
  );
  const all = world.sum([...places.flat(), ...found.slice(length)]);
  return asked.map((_, i) => {
    const at = world.size * length + i * exponentCount;
    return {
      largest: Math.max(...places.map((_place, rank) => all[rank * length + i] ?? Number.NaN)),
      exponents: all.slice(at, at + exponentCount),
    };
  });
}

/** A scalar in float64; zero of a shard that is another rank's. */
function largestOf(value: Tensor | null): Tensor {
  return scope(() => {
    const parts = partsOf(value).map((part) => ops.to(magnitude(part), 'float64'));
    return parts.length === 0 ? ops.zeros([], { dtype: 'float64' }) : ops.amax(ops.stack(parts));
  });
}

function exponentsOf(value: Tensor | null, resolution: number): Tensor {
  return counted(value, exponentCount, (part) => countedExponents(part, resolution));
}

type Intervals = Pick<Histogram, 'range' | 'resolution'>;

function halvesOf(value: Tensor | null, intervals: Intervals | null): Tensor {
  if (intervals === null) return ops.zeros([0], { dtype: 'float64' });
  const { range, resolution } = intervals;
  return counted(value, halvesIn(intervals), (part) => countedHalves(part, range, resolution));
}

function halvesIn({ resolution }: Intervals): number {
  return 2 ** (resolution + 1) + 1;
}

/** Counts of all parts of a tensor, in float64. */
function counted(value: Tensor | null, size: number, count: (part: Tensor) => Tensor): Tensor {
  return scope(() => {
    const sum = ops.zeros([size], { dtype: 'int64' });
    for (const part of partsOf(value)) scope(() => ops.add_(sum, count(part)));
    return ops.to(sum, 'float64');
  });
}

/** Views, so that copies in other types are small; none of a shard that is another rank's. */
function partsOf(value: Tensor | null): readonly Tensor[] {
  if (value === null) return [];
  const most = 2 ** 20;
  const flat = ops.view(value, [-1]);
  return Array.from({ length: Math.ceil(flat.numel / most) }, (_, i) =>
    ops.narrow(flat, 0, i * most, Math.min(most, flat.numel - i * most)),
  );
}
