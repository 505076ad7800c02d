// Steps that cut off the largest values of a group where that loses less than it gains. Each group
// tries its extremes times 1, 0.95, … 0.5, and keeps what has the least
//   sum over the group of h_j (w_j - w'_j)^2
// h: mean squares of the inputs, `[I]`: the diagonal of X^T X. Other entries of it are left out, so
// groups are chosen by themselves.
import {
  fittedSteps,
  type IntegerGrid,
  onGrid,
  type Steps,
} from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

const tried = 11;
const apart = 0.05;

/** The steps of `weight [O, I]`; never worse than those of its extremes. */
export function clippedSteps(weight: Tensor, h: Tensor, grid: IntegerGrid): Steps {
  return scope(() => {
    let best = fittedSteps(weight, grid);
    let least = lossOf(weight, h, best, grid);
    for (let i = 1; i < tried; i += 1) {
      const { better, steps, loss } = scope(() => {
        const steps = fittedSteps(ops.mulScalar(weight, 1 - i * apart), grid);
        const loss = lossOf(weight, h, steps, grid);
        return { steps, loss, better: ops.lt(loss, least) };
      });
      best = chosen(better, steps, best);
      least = ops.where(better, loss, least);
    }
    return best;
  });
}

function chosen(which: Tensor, one: Steps, other: Steps): Steps {
  return {
    scale: ops.where(which, one.scale, other.scale),
    zero: one.zero && other.zero && ops.where(which, one.zero, other.zero),
  };
}

/** Of each group: `[O, groups]`. */
function lossOf(weight: Tensor, h: Tensor, steps: Steps, grid: IntegerGrid): Tensor {
  const [rows = 0, columns = 0] = weight.shape;
  const size = grid.groupSize ?? columns;
  return scope(() => {
    const off = ops.sub_(onGrid(weight, steps, grid), weight);
    const weighted = ops.mul_(ops.square(off), h);
    return ops.sumDim(ops.view(weighted, [rows, columns / size, size]), [2]);
  });
}
