// Integer grids whose steps are trained (Esser et al. 2020, Bhalgat et al. 2020; L4Q, Jeon et al.
// 2024), as pure functions of a matrix:
//   u = w / s     v = u + z     q = clamp(round(u) + z, low, high), ties to even     w' = (q - z) s
// A step s, and with asymmetric grids an integer z, for each group of neighbours of a row:
// `[rows, groups]`. Asymmetric: 0 ≤ q < 2^bits. Symmetric: z is 0, and q is from -2^(bits-1) to
// 2^(bits-1) - 1.
//
// The gradient passes straight through rounding. With G = dL/dw' and inside = (low ≤ v ≤ high):
//   dL/dw = G inside     dL/ds = sum of a group G ((q - z) - inside u)
//   dL/dz = -s * sum of a group G (1 - inside)
// Where codes are frozen, dL/ds = sum of a group G (q - z), which is exact.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface IntegerGrid {
  readonly bits: number;
  readonly range: 'Asymmetric' | 'Symmetric';
  /** Neighbours of a row that share a step; the whole row when absent. */
  readonly groupSize?: number | undefined;
  /** What a file can hold at least of a scale, and of a zero point. */
  readonly least?: { readonly scale: number; readonly zero: number } | undefined;
}

/** `[rows, groups]` each, in the type of the matrix; `zero` is null for a symmetric grid. */
export interface Steps {
  readonly scale: Tensor;
  readonly zero: Tensor | null;
}

interface StepGradients {
  /** Of the matrix: `[rows, columns]`. */
  readonly weight: Tensor;
  /** `[rows, groups]` */
  readonly scale: Tensor;
  readonly zero: Tensor | null;
}

/** The least and the largest code. */
export function codeRange({ bits, range }: IntegerGrid): readonly [low: number, high: number] {
  return range === 'Symmetric' ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}

/**
 * The steps for the least and the largest value of each group, and for zero among them: no value is
 * off by more than half a step. Scales are values of bfloat16, rounded up; 1 for a group of zeros.
 */
export function fittedSteps(w: Tensor, grid: IntegerGrid): Steps {
  const [least, largest] = [ops.amin, ops.amax].map((most) => most(inGroups(w, grid), [2]));
  const [low, high] = codeRange(grid);
  if (least === undefined || largest === undefined) throw new RangeError('a matrix has extremes');
  const [lo, hi] = [ops.clamp_(least, null, 0), ops.clamp_(largest, 0)];
  if (grid.range === 'Symmetric') {
    const both = ops.maximum(ops.divScalar_(lo, low), ops.divScalar_(hi, high));
    return { scale: storable(roundedUp(both), grid), zero: null };
  }
  const scale = storable(roundedUp(ops.divScalar_(ops.sub_(hi, lo), high)), grid);
  const first = grid.least?.zero ?? low;
  return { scale, zero: ops.clamp_(ops.round(ops.neg(ops.div_(lo, scale))), first, high) };
}

/** Scales that the file can hold. */
export function storable(scale: Tensor, { least }: IntegerGrid): Tensor {
  return least === undefined ? scale : ops.clamp_(scale, least.scale);
}

/** `q - z` of each value, in the type of the matrix. */
export function stepsFromZero(w: Tensor, { scale, zero }: Steps, grid: IntegerGrid): Tensor {
  const codes = codesOf(ops.div(inGroups(w, grid), ops.unsqueeze(scale, 2)), zero, grid);
  return ops.view(zero === null ? codes : ops.sub_(codes, ops.unsqueeze(zero, 2)), w.shape);
}

/** `q` of each value, in the type of the matrix. */
export function codes(w: Tensor, { scale, zero }: Steps, grid: IntegerGrid): Tensor {
  return scope(() =>
    ops.view(codesOf(ops.div(inGroups(w, grid), ops.unsqueeze(scale, 2)), zero, grid), w.shape),
  );
}

/** `w'` in the type of the matrix. */
export function onGrid(w: Tensor, steps: Steps, grid: IntegerGrid): Tensor {
  return scope(() => times_(stepsFromZero(w, steps, grid), steps.scale, grid));
}

/** Multiplies each group by its own factor, in place. */
export function times_(w: Tensor, factors: Tensor, grid: IntegerGrid): Tensor {
  ops.mul_(inGroups(w, grid), ops.unsqueeze(factors, 2));
  return w;
}

/** For the gradient `G` of `w'`, of the same type and shape. */
export function gradientsOnGrid(
  w: Tensor,
  G: Tensor,
  { scale, zero }: Steps,
  grid: IntegerGrid,
): StepGradients {
  return scope(() => {
    const dense = inGroups(G, grid);
    const u = ops.div(inGroups(w, grid), ops.unsqueeze(scale, 2));
    const kept = ops.mul(dense, insideOf(u, zero, grid));
    const turned = codesOf(u, zero, grid);
    if (zero !== null) ops.sub_(turned, ops.unsqueeze(zero, 2));
    // G (q - z) - (G inside) u
    const ofScale = ops.sub_(ops.mul_(turned, dense), ops.mul_(u, kept));
    const outside = zero === null ? null : ops.sub(kept, dense);
    return {
      weight: ops.view(kept, w.shape),
      scale: ops.sumDim(ofScale, [2]),
      zero: outside === null ? null : ops.mul_(ops.sumDim(outside, [2]), scale),
    };
  });
}

/** Of each step, where codes are frozen: `steps` are their `q - z`. */
export function gradientOfScales(steps: Tensor, G: Tensor, grid: IntegerGrid): Tensor {
  return scope(() => ops.sumDim(inGroups(ops.mul(steps, G), grid), [2]));
}

/** `[rows, groups, group]` */
function inGroups(w: Tensor, { groupSize }: IntegerGrid): Tensor {
  const [rows = 0, columns = 0] = w.shape;
  const size = groupSize ?? columns;
  return ops.view(w, [rows, columns / size, size]);
}

function codesOf(u: Tensor, zero: Tensor | null, grid: IntegerGrid): Tensor {
  const [low, high] = codeRange(grid);
  const rounded = ops.round(u);
  return ops.clamp_(zero === null ? rounded : ops.add_(rounded, ops.unsqueeze(zero, 2)), low, high);
}

/** Ones and zeros in the type of `u`. */
function insideOf(u: Tensor, zero: Tensor | null, grid: IntegerGrid): Tensor {
  const [low, high] = codeRange(grid);
  const v = zero === null ? u : ops.add(u, ops.unsqueeze(zero, 2));
  return ops.to(ops.eq(ops.clamp(v, low, high), v), u.dtype);
}

/** Values of bfloat16 that are at least as large, in the same type; 1 for zeros. */
function roundedUp(scale: Tensor): Tensor {
  const narrow = asBfloat16(scale);
  // Less than one unit of bfloat16 and half of one at least.
  const above = asBfloat16(ops.mulScalar(scale, 1 + 2 ** -8));
  const up = ops.where(ops.lt(narrow, scale), above, narrow);
  return ops.maskedFill_(up, ops.eqScalar(up, 0), 1);
}

/** The nearest value of bfloat16, in the same type. */
export function asBfloat16(x: Tensor): Tensor {
  return ops.to(ops.to(x, 'bfloat16'), x.dtype);
}
