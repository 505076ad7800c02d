// A convolution as one with a larger kernel and all channels in one group: zeros around and beside.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Kernel } from './space.ts';

/** `weight [out, in / groups * kernel^2]` → `[out, in * wide^2]` */
export function wideKernel(weight: Tensor, { kernel, groups }: Kernel, wide: number): Tensor {
  const [out = 0, inputs = 0] = weight.shape;
  const channels = inputs / kernel ** 2;
  const square = ops.view(weight, [out, channels, kernel, kernel]);
  const margin = (wide - kernel) / 2;
  const padded = [2, 3].reduce((own, dim) => framed(own, dim, margin, margin), square);
  const rows = out / groups;
  const all = Array.from({ length: groups }, (_, group) => {
    const own = ops.narrow(padded, 0, group * rows, rows);
    return framed(own, 1, group * channels, (groups - 1 - group) * channels);
  });
  return ops.reshape(ops.cat(all, 0), [out, groups * channels * wide ** 2]);
}

/** With zeros before and behind along a dimension. */
function framed(x: Tensor, dim: number, before: number, behind: number): Tensor {
  const zeros = (size: number): readonly Tensor[] => {
    const shape = x.shape.map((own, i) => (i === dim ? size : own));
    return size === 0 ? [] : [ops.zeros(shape, { dtype: x.dtype })];
  };
  return ops.cat([...zeros(before), x, ...zeros(behind)], dim);
}
