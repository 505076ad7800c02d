// How far a window of blocks is off, and in which direction.
//   L = mean over tokens of |h - t|^2 / |t|^2     dL/dh = 2 (h - t) / (|t|^2 T)
// t: the residual stream of the trained model. Each token counts for the size of its own stream,
// by which the next norm divides: in a few tokens of a decoder it is a thousand times larger.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { total } from './drift.ts';

/** Of streams `[T, H]`: the sum over tokens, not the mean. */
export function streamGap(h: Tensor, target: Tensor): number {
  return scope(() => {
    const off = ops.sub(ops.to(h, 'float32'), ops.to(target, 'float32'));
    return total(ops.div_(ops.square(off), sizes(target)));
  });
}

/** In the type of `h`. */
export function gapGradient(h: Tensor, target: Tensor): Tensor {
  return scope(() => {
    const off = ops.sub(ops.to(h, 'float32'), ops.to(target, 'float32'));
    const mean = 2 / (h.shape[0] ?? 1);
    return ops.to(ops.mulScalar_(ops.div_(off, sizes(target)), mean), h.dtype);
  });
}

/** `[T, 1]` */
function sizes(target: Tensor): Tensor {
  const squares = ops.square(ops.to(target, 'float32'));
  return ops.addScalar(ops.sumDim(squares, [1], true), Number.MIN_VALUE);
}
