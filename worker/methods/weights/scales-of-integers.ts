// PEQA: Memory-Efficient Fine-Tuning of Compressed Large Language Models via sub-4-bit Integer
// Quantization (Kim et al. 2023).
//
//   w' = (q - z) s     q = clamp(round(W / s0) + z), z and s0 of the weights as they begin
// Only s trains, one for each group of a row or each row; q and z stay, to the bit. Rounding is no
// part of the gradient, dL/ds = sum of a group dL/dw' (q - z), which is exact. As with other grids
// t = log s is trained and the value of bfloat16 nearest to exp t is used, so that a file has what
// training computed with. Up to four bits in groups are stored packed; q - z is then the
// stored value over s0.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { codedRows, logScale, scaleOf } from './fake-quantized.ts';
import { formatOf } from './integer.ts';
import {
  fittedSteps,
  gradientOfScales,
  type IntegerGrid,
  type Steps,
  stepsFromZero,
  times_,
} from './learned-step.ts';
import type { OwnRows, WeightGrid } from './weight-grid.ts';

const firstScale = 'weight_first_scale';
const zeroPoint = 'weight_zero_point';

export function scalesOfIntegers(
  grid: IntegerGrid,
  learningRateRatio: number,
  isStored: boolean,
): WeightGrid {
  const { range } = grid;
  const steps = (own: OwnRows): Steps => ({
    scale: own(firstScale),
    zero: range === 'Symmetric' ? null : own(zeroPoint),
  });
  return {
    name: 'PEQA',
    suffixes: [logScale, firstScale, ...(range === 'Symmetric' ? [] : [zeroPoint])],
    initialize(weight) {
      const { scale, zero } = scope(() =>
        isStored ? storedSteps(weight, grid) : fittedSteps(weight, grid),
      );
      const zeros = zero === null ? {} : { [zeroPoint]: zero };
      return { trained: { [logScale]: ops.log(scale) }, kept: { [firstScale]: scale, ...zeros } };
    },
    fake: (w, own) =>
      scope(() => times_(stepsFromZero(w, steps(own), grid), scaleOf(own(logScale), w), grid)),
    gradients(w, own, G) {
      const scale = scaleOf(own(logScale), w);
      const ofScale = gradientOfScales(stepsFromZero(w, steps(own), grid), G, grid);
      return { weight: null, trained: { [logScale]: ops.mul(ofScale, scale) } };
    },
    learningRateFactor: learningRateRatio,
    integers: {
      ...grid,
      coded: (w, own) => ({
        ...codedRows(w, steps(own), grid),
        scales: scaleOf(own(logScale), w),
      }),
    },
  };
}

/** Those that are stored with the matrix. */
function storedSteps(weight: Tensor, { bits, range, groupSize = 0 }: IntegerGrid): Steps {
  const symmetric = range === 'Symmetric';
  const narrow = weight.dtype === 'float64' ? ops.to(weight, 'float32') : weight;
  const stored = ops.quantizeWeight(narrow, formatOf({ bits }), groupSize, symmetric);
  const [, scale, zero] = ops.quantizedParts(stored);
  if (scale === undefined || zero === undefined) {
    throw new RangeError('integers have steps and zeros');
  }
  const [rows = 0, columns = 0] = weight.shape;
  const wide = (part: Tensor) => ops.view(ops.to(part, weight.dtype), [rows, columns / groupSize]);
  return { scale: wide(scale), zero: symmetric ? null : wide(zero) };
}
