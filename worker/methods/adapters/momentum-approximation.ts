// How SpIEL chooses places by momentum approximation (MA): SM3 keeps for each row and each column
// of a weight how large the squared gradients of its values became (optimizers/sm3.ts). Their
// product is the score of a place, also of one whose gradient nobody computed:
//   score(i, j) = r_i c_j
// Of equal scores the one in the larger row comes first, then that in the larger column; of equal
// rows and columns the first.

import { Bug } from '../../../crds/failures/errors.ts';
import { largestProducts } from '../../../crds/methods/spiel.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OwnLayer } from './adapter.ts';
import { firstOf, index, sortTogether_, value } from './places.ts';

/** Drops the `count` places with the least values, for those with the largest scores. */
export function regrowByMomenta_({ tensors, states }: OwnLayer, count: number): void {
  if (count === 0) return;
  const [v, own] = [tensors(value), tensors(index)];
  const { rows, columns } = states(value);
  if (!rows || !columns) throw new Bug('places grow by momenta that nobody approximates');
  const grown = largestScores({ rows, columns }, own, count);
  const dropped = firstOf(ops.abs(v), count, false);
  ops.indexCopy_(own, 0, dropped, grown);
  ops.indexFill_(v, 0, dropped, 0);
  sortTogether_(own, [v]);
}

interface Accumulators {
  /** r `[out]` */
  readonly rows: Tensor;
  /** c `[in]` */
  readonly columns: Tensor;
}

/**
 * The `count` places with the largest scores that are none of `own`, which ascends. Of rows and
 * columns by size, that in row a and column b has at least `(a + 1) (b + 1) - 1` before it: few of
 * the weight have to be looked at.
 */
export function largestScores({ rows, columns }: Accumulators, own: Tensor, count: number): Tensor {
  return scope(() => {
    const [places, scores] = scored({ rows, columns }, count + own.numel);
    scope(() => ops.maskedFill_(scores, isAmong(own, places), -1));
    return ops.indexSelect(places, 0, firstOf(scores, count, true));
  });
}

/** Places among which the `most` largest scores are, and theirs. */
function scored({ rows, columns }: Accumulators, most: number): readonly [Tensor, Tensor] {
  return scope(() => {
    const [r, rowAt] = descending(rows);
    const [c, columnAt] = descending(columns);
    const [row, column] = looked(rows.numel, columns.numel, most);
    const places = ops.mulScalar_(ops.indexSelect(rowAt, 0, row), columns.numel);
    const scores = ops.indexSelect(r, 0, row);
    scope(() => {
      ops.add_(places, ops.indexSelect(columnAt, 0, column));
      ops.mul_(scores, ops.indexSelect(c, 0, column));
    });
    return [places, scores];
  });
}

/** Values by size, and where they were: int32. */
function descending(values: Tensor): readonly [Tensor, Tensor] {
  const [sorted, order] = ops.sortStable(values, { stable: true, dim: 0, descending: true });
  return [sorted, ops.to(order, 'int32')];
}

/** Ranks of rows and columns in which the first `most` products are, by row: int32. */
function looked(rows: number, columns: number, most: number): readonly [Tensor, Tensor] {
  return scope(() => {
    const ranks = ops.arange(0, rows, 1, { dtype: 'int32' });
    const each = ops.clamp(
      ops.divMode(ops.full([rows], most, { dtype: 'int32' }), ops.addScalar(ranks, 1), {
        roundingMode: 'floor',
      }),
      0,
      columns,
    );
    const ends = ops.to(ops.cumsum(each, 0), 'int32');
    const at = ops.arange(0, largestProducts(rows, columns, most), 1, { dtype: 'int32' });
    // Not `repeat_interleave`, for which the host waits for a device.
    const row = ops.searchsorted(ends, at, { right: true, outInt32: true });
    const before = ops.sub(ends, each);
    return [row, ops.sub_(at, ops.indexSelect(before, 0, row))];
  });
}

/** Whether places are among those that ascend. */
function isAmong(own: Tensor, places: Tensor): Tensor {
  const at = ops.clamp_(ops.searchsorted(own, places, { outInt32: true }), 0, own.numel - 1);
  return ops.eq(ops.indexSelect(own, 0, at), places);
}
