// Tensors that are converted while they are loaded: some rows at a time, or an embedding would be
// there twice, as its file has it and as it is computed with, before any other part of the model
// is.
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What `make` gives for ranges of rows, one below the other. */
export function madeByRows(
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
