// Convolutions with a stride of 1 and zeros around the picture: linear layers on the patches of
// their input (patches.h). So they take adapters, observers and projections as those do, and have
// the same bits for any number of threads.
import type { Delta } from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type LinearTensors, linear } from './linear.ts';

/** Pixels of each picture of a stream. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
}

interface Kernel extends PictureSize {
  /** Edge of the kernel; odd. */
  readonly kernel: number;
}

/**
 * `x [T, C]`, the pixels of pictures row by row → `[T, out]`. The weight is a matrix `[out, C *
 * kernel * kernel]`, a file's `[out, C, kernel, kernel]` row by row.
 */
export function convolution(x: Tensor, at: Kernel, layer: LinearTensors): Tensor {
  const delta = layer.delta === null ? null : onPatches(layer.delta, x, at);
  return linear(patchesOf(x, at), { ...layer, delta });
}

/** `[T, C * kernel * kernel]`: of each pixel, the window around it. */
export function patchesOf(x: Tensor, { height, width, kernel }: Kernel): Tensor {
  return ops.patches(x, height, width, kernel);
}

/** Inputs are dropped once, as PEFT does it, and not again in each window that they are in. */
function onPatches(delta: Delta, x: Tensor, at: Kernel): Delta {
  if (delta.form !== 'product' || !delta.drops) return delta;
  return {
    ...delta,
    dropped() {
      const dropped = delta.dropped(x);
      return dropped === null ? null : patchesOf(dropped, at);
    },
  };
}
