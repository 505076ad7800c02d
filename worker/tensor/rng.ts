// Tensors of random numbers, each from a named stream.
import type { Device } from './device.ts';
import type { DType } from './dtype.ts';
import * as ops from './ops.generated.ts';
import type { Stream } from './streams.ts';
import type { Tensor } from './tensor.ts';

/**
 * Uniform in [low, high), in steps of 2^-24 of the range; the cast to `dtype` may round up to high.
 */
export function uniform(
  shape: readonly number[],
  low: number,
  high: number,
  stream: Stream,
  dtype: DType = 'float32',
  device?: Device,
): Tensor {
  return ops.philoxUniform_(ops.empty(shape, { dtype, device }), stream.key, low, high);
}

/** Normal with mean 0. */
export function normal(
  shape: readonly number[],
  std: number,
  stream: Stream,
  dtype: DType = 'float32',
  device?: Device,
): Tensor {
  return ops.philoxNormal_(ops.empty(shape, { dtype, device }), stream.key, 0, std);
}

/** Factors of inverted dropout: 0 with probability `share`, else 1 / (1 - share). */
export function dropoutMask(
  shape: readonly number[],
  share: number,
  stream: Stream,
  dtype: DType = 'float32',
  device?: Device,
): Tensor {
  return ops.philoxMask_(ops.empty(shape, { dtype, device }), stream.key, 1 - share);
}
