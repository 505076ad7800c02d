// Grids of floating point for weights, as pure functions of a matrix: e4m3 (largest 448), and e2m1
// (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives), with a scale for each group of neighbours of a
// row:
//   w' = q s     q the nearest value to w / s, ties to an even mantissa, largest values cut off
// Scales, where the largest value of a group is m, and e the largest of the grid:
//   BFloat16    m / e, to the nearest
//   E4M3        NVFP4: e4m3(m / e * g) / g, g = 448 e / max |W| for the whole matrix
//   PowerOfTwo  MXFP4: 2^k, so that m is 3.5 to 7 times it; a search begins where none is cut off
//   RowPowers   ZeroQuant-FP (Wu et al. 2023): S 2^-k, S the largest scale of the row, k from 0 to 8:
//               q 2^-k is a value of e4m3, so a row is one of e4m3 with the scale S
import { asBfloat16, type Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface FloatGrid {
  readonly format: 'e4m3' | 'e2m1';
  readonly scales: 'BFloat16' | 'E4M3' | 'PowerOfTwo' | 'RowPowers';
  /** Neighbours of a row that share a scale; the whole row when absent. */
  readonly groupSize?: number | undefined;
  /** Of scales in E4M3: what they are divided by. */
  readonly global?: number | undefined;
}

const largestOf = { e4m3: 448, e2m1: 6 } as const;
/** Of k: 0.5 * 2^-8 is the least value of e4m3. */
const mostHalvings = 8;

/** The nearest value of the grid, in the type of `v`: float32. */
export function nearestFloat(v: Tensor, format: FloatGrid['format']): Tensor {
  const largest = largestOf[format];
  return scope(() => {
    const clamped = ops.clamp(v, -largest, largest);
    if (format === 'e4m3') return ops.to(ops.to(clamped, 'float8_e4m3fn'), v.dtype);
    const size = ops.abs(clamped);
    const step = (value: number) => ops.full([1], value, { dtype: v.dtype });
    const apart = ops.where(
      ops.ltScalar(size, 2),
      step(0.5),
      ops.where(ops.ltScalar(size, 4), step(1), step(2)),
    );
    return ops.mul_(ops.round(ops.div_(clamped, apart)), apart);
  });
}

/** What scales in E4M3 are divided by, for the largest value of all matrices that share it. */
export function globalScale(largest: number): number {
  const found = Math.fround((448 * largestOf.e2m1) / Math.max(largest, 2 ** -126));
  return Number.isFinite(found) ? found : 1;
}

/** Steps whose ends are `reach` times the largest value of each group. */
export function floatSteps(w: Tensor, grid: FloatGrid, reach = 1): Steps {
  return scope(() => {
    const largest = ops.amax(ops.abs(inGroups(w, grid)), [2]);
    const ends = reach === 1 ? largest : ops.mulScalar_(largest, reach);
    const free = ops.divScalar(ends, largestOf[grid.format]);
    if (grid.scales === 'PowerOfTwo') {
      // As others write it, or for a search: none is cut off before it is tried.
      return steps(reach === 1 ? powerBelow(ends) : powerAbove(free));
    }
    return steps(grid.scales === 'E4M3' ? scalesInE4m3(free, grid) : oneForZeros(asBfloat16(free)));
  });
}

/** Of any scales, the nearest that a file can have. */
export function storableScales(scale: Tensor, grid: FloatGrid): Tensor {
  return grid.scales === 'E4M3' ? scalesInE4m3(scale, grid) : asBfloat16(scale);
}

function scalesInE4m3(free: Tensor, { global = 1 }: FloatGrid): Tensor {
  const e = ops.to(
    ops.to(ops.clamp_(ops.mulScalar(free, global), 0, 448), 'float8_e4m3fn'),
    free.dtype,
  );
  // As compressed-tensors writes a group of zeros.
  ops.maskedFill_(e, ops.eqScalar(e, 0), 0.125);
  return ops.div(e, ops.full([1], global, { dtype: free.dtype }));
}

function steps(scale: Tensor): Steps {
  return { scale, zero: null };
}

function oneForZeros(scale: Tensor): Tensor {
  return ops.maskedFill_(scale, ops.eqScalar(scale, 0), 1);
}

/** The power of two of which `m [O, groups]` is 3.5 to 7 times. */
function powerBelow(m: Tensor): Tensor {
  return ofExponents(ops.subScalar(exponents(m, 2 ** 21), 2));
}

/** The least power of two that is at least `free`. */
function powerAbove(free: Tensor): Tensor {
  return ofExponents(exponents(free, 2 ** 23 - 1));
}

/** Those of float32, with their bias of 127, after something was added to the bits below. */
function exponents(x: Tensor, added: number): Tensor {
  const bits = ops.viewDtype(x, 'int32');
  return ops.bitwiseRightShiftScalar(ops.addScalar(bits, added), 23);
}

/** Powers of two with these exponents; 1 for what was zero. */
function ofExponents(biased: Tensor): Tensor {
  const isZero = ops.ltScalar(biased, 1);
  const kept = ops.maskedFill_(ops.clamp(biased, 1, 254), isZero, 127);
  return ops.viewDtype(ops.bitwiseLeftShiftScalar(kept, 23), 'float32');
}

/**
 * `k` of each group for the scales `[O, groups]`, so that no scale is less; of the largest in a
 * row.
 */
function halvings(scale: Tensor, ofRow: Tensor): Tensor {
  return ops.clamp_(ops.subScalar(exponents(ops.div(ofRow, scale), 0), 127), 0, mostHalvings);
}

/**
 * Scales S 2^-k for free ones: of the next above and the next below, the one whose
 * `loss [O, groups]` is less.
 */
export function rowPowers(free: Tensor, loss: (steps: Steps) => Tensor): Steps {
  return scope(() => {
    const ofRow = ops.amax(free, [1], true);
    const above = halvings(free, ofRow);
    const below = ops.clamp(ops.addScalar(above, 1), 0, mostHalvings);
    const [up, down] = [above, below].map((k) => steps(ops.mul(ofRow, powers(k)))) as [
      Steps,
      Steps,
    ];
    return steps(ops.where(ops.lt(loss(down), loss(up)), down.scale, up.scale));
  });
}

/** 2^-k, for whole k. */
function powers(k: Tensor): Tensor {
  return ofExponents(ops.rsubScalar(k, 127));
}

/** The same values as rows of e4m3 with one scale, for scales of `rowPowers`. */
export function asRowsOfE4m3(codes: Tensor, { scale }: Steps): { codes: Tensor; steps: Steps } {
  return scope(() => {
    const ofRow = ops.amax(scale, [1], true);
    const wide = inGroups(ops.to(codes, 'float32'), { groupSize: groupOf(codes, scale) });
    const values = ops.mul(wide, ops.unsqueeze(ops.div(scale, ofRow), 2));
    return { codes: ops.to(ops.view(values, codes.shape), 'float8_e4m3fn'), steps: steps(ofRow) };
  });
}

function groupOf({ shape: [, columns = 0] }: Tensor, { shape: [, groups = 1] }: Tensor): number {
  return columns / groups;
}

/** `[rows, groups, group]` */
function inGroups(w: Tensor, { groupSize }: Pick<FloatGrid, 'groupSize'>): Tensor {
  const [rows = 0, columns = 0] = w.shape;
  const size = groupSize ?? columns;
  return ops.view(w, [rows, columns / size, size]);
}

/** The nearest values, one byte each. */
export function floatCodes(w: Tensor, { scale }: Steps, grid: FloatGrid): Tensor {
  return scope(() => {
    const scaled = ops.div(inGroups(w, grid), ops.unsqueeze(scale, 2));
    return ops.to(ops.view(nearestFloat(scaled, grid.format), w.shape), 'float8_e4m3fn');
  });
}
