// The sweep of GPTQ (gptq.ts) on a grid of floating point: the same sums, with the nearest value of
// the grid for each column. Columns are rows here, so that each is one stretch of memory. Products
// are rounded before they are subtracted: the same bits for any number of threads.
import type { Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type FloatGrid, nearestFloat } from './float-grid.ts';

/** The codes of `weight [O, I]`, float32, for `U [I, I]`. */
export function sweptFloats(weight: Tensor, U: Tensor, steps: Steps, grid: FloatGrid): Tensor {
  const [rows = 0, columns = 0] = weight.shape;
  const group = grid.groupSize ?? columns;
  return scope(() => {
    const rest = ops.clone(weight);
    const scales = ops.contiguous(ops.t(steps.scale));
    const codes = ops.empty([columns, rows], { dtype: 'float8_e4m3fn' });
    for (let first = 0; first < columns; first += columnsAtOnce) {
      scope(() => {
        const count = Math.min(columnsAtOnce, columns - first);
        const own = ops.contiguous(ops.t(ops.narrow(rest, 1, first, count)));
        const ofOwn = ops.narrow(U, 0, first, count);
        for (let j = 0; j < count; j += 1) {
          const scale = ops.select(scales, 0, Math.floor((first + j) / group));
          const factors = ops.narrow(ops.select(ofOwn, 0, j), 0, first + j, count - j);
          sweepColumn(own, j, { scale, factors, grid, code: ops.select(codes, 0, first + j) });
        }
        const beyond = columns - first - count;
        if (beyond === 0) return;
        const after = ops.narrow(rest, 1, first + count, beyond);
        ops.linearDw_(after, own, ops.narrow(ofOwn, 1, first + count, beyond), { alpha: -1 });
      });
    }
    return ops.contiguous(ops.t(codes));
  });
}

interface Column {
  readonly scale: Tensor;
  /** U_jj and what is right of it. */
  readonly factors: Tensor;
  readonly grid: FloatGrid;
  /** Written. */
  readonly code: Tensor;
}

/** Leaves in row `j` of `own` what it is off by, and makes up for it in the rows behind. */
function sweepColumn(own: Tensor, j: number, { scale, factors, grid, code }: Column): void {
  scope(() => {
    const w = ops.select(own, 0, j);
    const q = nearestFloat(ops.div(w, scale), grid.format);
    ops.copy_(code, q);
    const error = ops.div_(ops.sub_(w, ops.mul(q, scale)), ops.narrow(factors, 0, 0, 1));
    const [count = 1] = factors.shape;
    if (count === 1) return;
    const behind = ops.narrow(own, 0, j + 1, count - 1);
    const weights = ops.unsqueeze(ops.narrow(factors, 0, 1, count - 1), 1);
    ops.sub_(behind, ops.mul(weights, error));
  });
}

const columnsAtOnce = 128;
