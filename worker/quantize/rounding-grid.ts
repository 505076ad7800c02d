// What the ways of quantizing a matrix need of its grid, for integers and floating point alike.
import {
  codeRange,
  codes,
  fittedSteps,
  type IntegerGrid,
  type Steps,
  times_,
} from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type FloatGrid, floatCodes, floatSteps } from './float-grid.ts';

export type RoundingGrid = IntegerGrid | FloatGrid;

export function isFloat(grid: RoundingGrid): grid is FloatGrid {
  return 'format' in grid;
}

/** Steps for the largest values of each group, or for ends that reach less far. */
export function stepsFor(weight: Tensor, grid: RoundingGrid, reach = 1): Steps {
  if (isFloat(grid)) return floatSteps(weight, grid, reach);
  return fittedSteps(reach === 1 ? weight : ops.mulScalar(weight, reach), grid);
}

/** A byte each: integers counted from the least code, or values in e4m3. */
export function nearestCodes(weight: Tensor, steps: Steps, grid: RoundingGrid): Tensor {
  if (isFloat(grid)) return floatCodes(weight, steps, grid);
  const [low] = codeRange(grid);
  return scope(() => ops.to(ops.addScalar(codes(weight, steps, grid), -low), 'uint8'));
}

/** `q - z`, float32. */
export function fromZero(found: Tensor, { scale, zero }: Steps, grid: RoundingGrid): Tensor {
  if (isFloat(grid)) return ops.to(found, 'float32');
  const [low] = codeRange(grid);
  return scope(() => {
    const [rows = 0, columns = 0] = found.shape;
    const [, groups = 1] = scale.shape;
    const q = ops.addScalar(ops.to(found, 'float32'), low);
    if (zero === null) return q;
    const grouped = ops.view(q, [rows, groups, columns / groups]);
    return ops.view(ops.sub_(grouped, ops.unsqueeze(zero, 2)), [rows, columns]);
  });
}

/** The float32 values that codes stand for. */
export function valuesOf(found: Tensor, steps: Steps, grid: RoundingGrid): Tensor {
  const [, columns = 0] = found.shape;
  const [, groups = 1] = steps.scale.shape;
  const size = { groupSize: columns / groups, bits: 8, range: 'Symmetric' } as const;
  return scope(() => times_(fromZero(found, steps, grid), steps.scale, size));
}

/** Of each group, `[O, groups]`: what rounding loses where a weight counts `h [I]`. */
export function lossOfGroups(
  weight: Tensor,
  h: Tensor | null,
  steps: Steps,
  grid: RoundingGrid,
): Tensor {
  const [rows = 0, columns = 0] = weight.shape;
  const [, groups = 1] = steps.scale.shape;
  return scope(() => {
    const values = valuesOf(nearestCodes(weight, steps, grid), steps, grid);
    const squares = ops.square(ops.sub_(values, weight));
    const weighted = h === null ? squares : ops.mul_(squares, h);
    return ops.sumDim(ops.view(weighted, [rows, groups, columns / groups]), [2]);
  });
}
