// Fake quantization, as PyTorch calls it: matrices are rounded to an integer grid wherever they are
// multiplied, and stay dense beneath. With the factors of an adapter added first this is L4Q:
// Parameter-Efficient Quantization-Aware Fine-Tuning on Large Language Models (Jeon et al. 2024).
//
// Scales and zero points are what a file has of them at every step: a scale is the value of
// bfloat16 nearest to exp t, a zero point the integer nearest to its trained value. Gradients pass
// straight through both. So what is exported is what was trained, and nothing has to be snapped
// before the end. Against the paper: t = log s is trained, so that scales stay above zero and a
// learning rate is relative to them; zero points are integers.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  asBfloat16,
  codeRange,
  codes,
  fittedSteps,
  gradientsOnGrid,
  type IntegerGrid,
  onGrid,
  type Steps,
} from './learned-step.ts';
import type { CodedRows, OwnRows, WeightGrid } from './weight-grid.ts';

export const logScale = 'weight_log_scale';
const zeroPoint = 'weight_zero_point';

/** Steps that train. */
export function learnedGrid(grid: IntegerGrid, learningRateRatio: number): WeightGrid {
  const steps = (w: Tensor, own: OwnRows): Steps => ({
    scale: scaleOf(own(logScale), w),
    zero: grid.range === 'Symmetric' ? null : zeroOf(own(zeroPoint), grid),
  });
  return {
    name: 'FakeQuantized',
    suffixes: grid.range === 'Symmetric' ? [logScale] : [logScale, zeroPoint],
    initialize(weight) {
      const { scale, zero } = scope(() => fittedSteps(weight, grid));
      const zeros = zero === null ? {} : { [zeroPoint]: zero };
      return { trained: { [logScale]: ops.log(scale), ...zeros }, kept: {} };
    },
    fake: (w, own) => scope(() => onGrid(w, steps(w, own), grid)),
    gradients(w, own, G) {
      const used = steps(w, own);
      const found = gradientsOnGrid(w, G, used, grid);
      const zeros = found.zero === null ? {} : { [zeroPoint]: found.zero };
      const trained = { [logScale]: ops.mul(found.scale, used.scale), ...zeros };
      return { weight: found.weight, trained };
    },
    learningRateFactor: learningRateRatio,
    integers: { ...grid, coded: (w, own) => codedRows(w, steps(w, own), grid) },
  };
}

/** Steps that follow from the least and the largest value of each group, whenever they are used. */
export function fittedGrid(grid: IntegerGrid): WeightGrid {
  return {
    name: 'FakeQuantized',
    suffixes: [],
    initialize: () => ({ trained: {}, kept: {} }),
    fake: (w) => scope(() => onGrid(w, fittedSteps(w, grid), grid)),
    gradients(w, _, G) {
      return { weight: gradientsOnGrid(w, G, fittedSteps(w, grid), grid).weight, trained: {} };
    },
    learningRateFactor: 1,
    integers: { ...grid, coded: (w) => codedRows(w, fittedSteps(w, grid), grid) },
  };
}

export function codedRows(w: Tensor, steps: Steps, grid: IntegerGrid): CodedRows {
  return { codes: codes(w, steps, grid), scales: steps.scale, zeros: steps.zero };
}

/** In the type of the matrix. */
export function scaleOf(log: Tensor, { dtype }: Tensor): Tensor {
  return ops.to(asBfloat16(ops.exp(log)), dtype);
}

function zeroOf(trained: Tensor, grid: IntegerGrid): Tensor {
  const [low, high] = codeRange(grid);
  return ops.clamp_(ops.round(trained), low, high);
}
