// Steps that cut off the largest values of a group where that loses less than it gains. Each group
// tries its extremes times 1, 0.95, … 0.5, and keeps what has the least
//   sum over the group of h_j (w_j - w'_j)^2
// h: mean squares of the inputs, `[I]`: the diagonal of X^T X. Other entries of it are left out, so
// groups are chosen by themselves.
import type { Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { lossOfGroups, type RoundingGrid, stepsFor } from './rounding-grid.ts';

const tried = 11;
const apart = 0.05;

/** The steps of `weight [O, I]`; never worse than those of its extremes. */
export function clippedSteps(weight: Tensor, h: Tensor, grid: RoundingGrid): Steps {
  return scope(() => {
    let best = stepsFor(weight, grid);
    let least = lossOfGroups(weight, h, best, grid);
    for (let i = 1; i < tried; i += 1) {
      const { better, steps, loss } = scope(() => {
        const steps = stepsFor(weight, grid, 1 - i * apart);
        const loss = lossOfGroups(weight, h, steps, grid);
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
