// Fixed point: values `n step`, where `step` is 2^-fraction and n an integer of `bits` bits, from
// -2^(bits-1) to 2^(bits-1) - 1; AdaPT writes <WL, FL> for <bits, fraction>. Of 32 bits are the
// floats that weights are anyway: they are not rounded.
import * as ops from '../../tensor/ops.generated.ts';
import { uniform } from '../../tensor/rng.ts';
import { scope } from '../../tensor/scope.ts';
import type { Stream } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface FixedPoint {
  readonly bits: number;
  readonly fraction: number;
}

export const floatBits = 32;

function isFloat({ bits }: FixedPoint): boolean {
  return bits >= floatBits;
}

/** To the nearest, ties up. */
export function nearest(w: Tensor, format: FixedPoint): Tensor {
  if (isFloat(format)) return w;
  return scope(() => {
    const steps = ops.mulScalar(w, 2 ** format.fraction);
    return clipped_(ops.floor(ops.addScalar_(steps, 0.5)), format);
  });
}

/**
 * Up with a probability that is the distance from the value below, so that the mean of many
 * roundings is the value.
 */
export function stochastic(w: Tensor, format: FixedPoint, stream: Stream): Tensor {
  if (isFloat(format)) return w;
  return scope(() => {
    const steps = ops.mulScalar(w, 2 ** format.fraction);
    const below = ops.floor(steps);
    const draws = uniform(w.shape, 0, 1, stream, w.dtype, w.device);
    // The difference is exact, which a sum of value and draw is not.
    const isUp = ops.lt(draws, ops.sub_(steps, below));
    return clipped_(ops.add_(below, ops.to(isUp, w.dtype)), format);
  });
}

function clipped_(n: Tensor, { bits, fraction }: FixedPoint): Tensor {
  const half = 2 ** (bits - 1);
  return ops.mulScalar_(ops.clamp_(n, -half, half - 1), 2 ** -fraction);
}
