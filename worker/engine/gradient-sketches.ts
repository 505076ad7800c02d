// Sketches of gradients, for the lengths of sums over steps. A sum of gradients would be as large
// as the weights; its sketch has few numbers: each value, with a random sign, is added to one of
// them. It is linear, so that sketches of shards and steps add up, and the square of its
// length has the square of that of the gradient as its mean.
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { Shard } from '../sharding/shards.ts';
import type { Device } from '../tensor/device.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { Gradient } from './update.ts';
import type { World } from './world.ts';

/**
 * Numbers of a sketch: the length is found within 6 % (one standard deviation). Odd, so that two
 * values share sign and number only if they are 129 * 2^20 places apart.
 */
export const sketchSize = 129;
const signPeriod = 2 ** 20;

interface Sketched {
  readonly layers: readonly LinearLayer[];
  readonly shards: readonly Shard[];
  readonly device: Device;
  readonly seed: bigint;
}

/** Sketches of the gradients of a step, which arrive layer by layer, whole or as shards. */
export class StepSketches {
  readonly #paths: readonly string[];
  readonly #starts: ReadonlyMap<string, number>;
  readonly #found = new Map<string, Tensor>();
  readonly #signs: Tensor;

  constructor({ layers, shards, device, seed }: Sketched) {
    this.#paths = layers.map(({ path }) => path);
    this.#starts = new Map(shards.map(({ parameter, start }) => [parameter.name, start]));
    this.#signs = keep(scope(() => signs(seed), device));
  }

  offered(gradients: readonly Gradient[]): void {
    for (const path of this.#paths) {
      const name = `${path}.weight`;
      const own = gradients.find(({ parameter }) => parameter.name === name);
      if (own === undefined) continue;
      const start = this.#starts.get(name) ?? 0;
      this.#found.set(path, keep(scope(() => sketch(own.value, start, this.#signs))));
    }
  }

  /** Over all ranks, by layer; zeros where there was no gradient. Collective; once. */
  take({ sum }: Pick<World, 'sum'>): readonly (readonly number[])[] {
    // Read at once: the host waits for the device a single time.
    const own = scope(() => {
      const none = ops.zeros([sketchSize], { dtype: 'float64' });
      return [...toArray(ops.cat(this.#paths.map((path) => this.#found.get(path) ?? none)))];
    }, this.#signs.device);
    for (const found of this.#found.values()) found.dispose();
    this.#signs.dispose();
    const all = sum(own);
    return this.#paths.map((_, i) => all.slice(i * sketchSize, (i + 1) * sketchSize));
  }
}

function signs(seed: bigint): Tensor {
  const draws = uniform([signPeriod], -1, 1, streamOf(seed, 'sketch'));
  const isPositive = ops.to(ops.geScalar(draws, 0), 'float32');
  return ops.subScalar(ops.mulScalar_(isPositive, 2), 1);
}

/** Of values that begin at place `start` of a tensor. */
export function sketch(values: Tensor, start: number, signsOfPlaces: Tensor): Tensor {
  const flat = ops.view(ops.contiguous(values), [-1]);
  const dtype = exactType(values.dtype);
  const sum = ops.zeros([sketchSize], { dtype: 'float64' });
  const end = start + flat.numel;
  for (let at = start; at < end; ) {
    const behind = Math.min(end, at - (at % signPeriod) + signPeriod);
    scope(() => {
      const part = ops.to(ops.narrow(flat, 0, at - start, behind - at), dtype);
      const own = ops.narrow(signsOfPlaces, 0, at % signPeriod, behind - at);
      const signed = ops.mul(part, ops.to(own, dtype));
      const blank = (size: number) => ops.zeros([size], { dtype });
      const [before, after] = [at % sketchSize, (sketchSize - (behind % sketchSize)) % sketchSize];
      const rows = ops.view(ops.cat([blank(before), signed, blank(after)]), [-1, sketchSize]);
      ops.add_(sum, ops.sumDim(rows, [0]));
    });
    at = behind;
  }
  return sum;
}
