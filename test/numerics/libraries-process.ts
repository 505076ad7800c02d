// Products of the libraries below, which say with MKL_VERBOSE and ONEDNN_VERBOSE what instructions
// they use.
import * as ops from '../../worker/tensor/ops.generated.ts';
import { draw } from './kernels/compare.ts';

for (const dtype of ['float32', 'bfloat16'] as const) {
  const x = draw('x', [128, 128], dtype);
  ops.mm(x, x);
}
