import type { DType } from './dtype.ts';
import * as ops from './ops.generated.ts';
import type { Tensor } from './tensor.ts';

/** The same tensor where it has the type already. */
export function asType(values: Tensor, dtype: DType): Tensor {
  return values.dtype === dtype ? values : ops.to(values, dtype);
}
