// Converts tensors in panels of rows while loading: otherwise an embedding would be in memory
// twice, in the type of its file and in the type that is computed with.
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Concatenates the results of `make` for ranges of rows. */
export function convertByRows(
  shape: readonly number[],
  dtype: DType,
  make: (rows: Rows) => Tensor,
): Tensor {
  const [whole, ...others] = rowPanels(shape);
  if (whole !== undefined && others.length === 0) return make(whole);
  const made = ops.empty(shape, { dtype });
  for (const [first, behind] of rowPanels(shape)) {
    scope(() => ops.copy_(ops.narrow(made, 0, first, behind - first), make([first, behind])));
  }
  return made;
}
