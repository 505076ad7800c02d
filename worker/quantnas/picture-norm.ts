// Every picture with mean 0 and variance 1 over its pixels and channels, and with the deviation
// that it had: what a cell adds is multiplied by it again (ADQ, adaptive deviation for
// quantization).
//
// Batch norm of the paper's code depends on which pictures are computed together, and on running
// means; here each picture has its own, so workers and micro-batches change nothing. Sums over a
// picture are products with ones, which have the same bits for any number of threads.
import type { PictureSize } from '../nn/convolution.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

const epsilon = 1e-5;

interface Normed {
  /** `[T, H]` */
  readonly values: Tensor;
  /** Of each picture, `[pictures, 1]`. */
  readonly deviations: Tensor;
}

/** What pictures of one size share: a tape keeps one vector of ones for all sums of a cell. */
interface PictureSums {
  /** `x [T, H]`, the pixels of pictures. */
  normed(x: Tensor): Normed;
  /** `values [pictures, 1]` for each of the values of a picture: `[T, H]`. */
  over(values: Tensor): Tensor;
}

/** Of streams like `like [T, H]`. */
export function pictureSums(like: Tensor, { height, width }: PictureSize): PictureSums {
  const [, H = 0] = like.shape;
  const size = height * width * H;
  const ones = ops.ones([size, 1], { dtype: like.dtype });
  const inRow = ops.view(ones, [1, size]);
  const mean = (of: Tensor): Tensor => ops.mulScalar(ops.linear(of, inRow), 1 / size);
  const rowsOf = (values: Tensor): Tensor => ops.linear(values, ones);
  return {
    normed(x) {
      const rows = ops.view(x, [-1, size]);
      const centred = ops.sub(rows, rowsOf(mean(rows)));
      const deviations = ops.sqrt(ops.addScalar(mean(ops.square(centred)), epsilon));
      const values = ops.mul(centred, rowsOf(ops.reciprocal(deviations)));
      return { values: ops.view(values, x.shape), deviations };
    },
    over: (values) => ops.view(rowsOf(values), like.shape),
  };
}
