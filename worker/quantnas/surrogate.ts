// What stands for rounding while a network is searched: uniform noise as wide as a step, whose
// variance is that of rounding errors (Défossez et al. 2022, QuantNAS), or rounding itself.
// Gradients pass straight through both, to the weight and to the input.
//
// The noise of the code of QuantNAS is normal with a deviation of half a step, which is 1.73 times
// that of rounding, and only the share of values without noise has a gradient there.
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { type Stream, streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Surrogate } from './config.ts';
import { halfWave, halfWaveCut, halfWaveStep } from './half-wave.ts';
import { fittedSteps, nearest } from './learned-step.ts';
import type { Width } from './space.ts';

export interface Rounded {
  readonly surrogate: Surrogate;
  /** Where the run is; null in evaluation, which has no noise. */
  readonly draw: DropoutDraw | null;
}

/**
 * `weight [out, inputs]` as it is in `bits`. Noise is the same for all sequences of a step, so
 * micro-batches and workers change nothing.
 */
export function roundedWeight(
  weight: Tensor,
  bits: Width,
  path: string,
  { surrogate, draw }: Rounded,
): Tensor {
  if (surrogate === 'Rounding') {
    const own = nearest(weight, fittedSteps(weight, bits), bits);
    return ops.add(weight, ops.sub(own, ops.detach(weight)));
  }
  if (draw === null) return weight;
  const noise = halfSteps(weight, streamOf(draw.seed, 'weight_steps', path, bits, draw.step));
  return ops.add(weight, ops.mul(noise, fittedSteps(weight, bits)));
}

/** `x [T, H]`, what the convolutions of the place `path` read, in `bits`. */
export function roundedInput(
  x: Tensor,
  bits: Width,
  path: string,
  { surrogate, draw }: Rounded,
): Tensor {
  if (surrogate === 'Rounding') return halfWave(x, bits);
  const cut = halfWaveCut(x, bits);
  if (draw === null) return cut;
  const { seed, step, key } = draw;
  const noise = halfSteps(x, streamOf(seed, 'input_steps', path, bits, step, key));
  return ops.add(cut, ops.mulScalar(noise, halfWaveStep(bits)));
}

/** Uniform in half a step to each side. */
function halfSteps({ shape, dtype }: { shape: readonly number[]; dtype: DType }, stream: Stream) {
  return uniform(shape, -0.5, 0.5, stream, dtype);
}
