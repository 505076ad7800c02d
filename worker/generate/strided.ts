// Convolutions along a vector with a stride of 2, as products of matrices: a channel is a column,
// so that they have the same bits for any number of threads, as all products here do.

import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { halfOf } from './cvae-shape.ts';

/**
 * `[N, L, C]` to `[N, L / 2, O]`; `weight [O, kernel * C]` by tap, then by channel. As torch's
 * conv1d with stride 2 and padding (kernel - 1) / 2.
 */
export function halved(x: Tensor, weight: Tensor, kernel: number): Tensor {
  const [count = 0, length = 0, channels = 0] = x.shape;
  const half = halfOf(kernel);
  const wide = padded(x, half);
  const pairs = ops.view(wide, [count, length / 2 + half, 2 * channels]);
  const shifts = Array.from({ length: half + 1 }, (_, s) => ops.narrow(pairs, 1, s, length / 2));
  const columns = ops.narrow(ops.cat(shifts, 2), 2, 0, kernel * channels);
  return ops.linear(ops.contiguous(columns), weight, null);
}

/**
 * `[N, L, C]` to `[N, 2 L, O]`; `weight [O, kernel * C]`. As torch's conv_transpose1d with stride
 * 2, padding (kernel - 1) / 2 and output padding 1.
 */
export function doubled(x: Tensor, weight: Tensor, kernel: number): Tensor {
  const [count = 0, length = 0, channels = 0] = x.shape;
  const [outputs = 0] = weight.shape;
  const half = halfOf(kernel);
  const wide = padded(x, half);
  const byTap = ops.view(weight, [outputs, kernel, channels]);
  const phases = [0, 1].map((phase) => {
    // Output 2 j + phase is reached from input j + offset by tap phase + half - 2 offset.
    const first = (phase + half) % 2;
    const taps = Array.from({ length: Math.ceil((kernel - first) / 2) }, (_, i) => first + 2 * i);
    const shifts = taps.map((tap) => ops.narrow(wide, 1, half + (phase + half - tap) / 2, length));
    const own = ops.reshape(ops.slice(byTap, 1, first, kernel, 2), [outputs, -1]);
    return ops.linear(ops.cat(shifts, 2), ops.contiguous(own), null);
  });
  return ops.view(ops.stack(phases, 2), [count, 2 * length, outputs]);
}

/** With `half` rows of zeros before and behind. */
function padded(x: Tensor, half: number): Tensor {
  const [count = 0, , channels = 0] = x.shape;
  const zeros = ops.zeros([count, half, channels], { dtype: x.dtype });
  return ops.cat([zeros, x, zeros], 1);
}
