// Inputs of linear layers on an integer grid whose step is trained, and is another at each
// denoising step. LSQ+ (Bhalgat et al. 2020), EfficientDM (He et al. 2024).
//
//   u = x / s     q = clamp(round(u) + z, 0, 2^bits - 1)     x' = (q - z) s
// The gradient passes straight through rounding: dx = G inside, ds = sum G ((q - z) - inside u),
// dz = -s sum G (1 - inside). Zero points are rounded too, so that what is trained is what integers
// compute. t = log s is trained: a step stays above zero.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Of all inputs of a model. */
export interface InputGrid {
  readonly bits: number;
  /** Denoising steps that have steps and zero points of their own. */
  readonly rows: number;
}

/** Suffixes of a layer's tables, `[rows]` each. */
export const inputLogScale = 'input_log_scale';
export const inputZero = 'input_zero';

interface Tables {
  readonly logScale: Tensor;
  readonly zero: Tensor;
  /** The row to use, `[1]` int64. */
  readonly row: Tensor;
}

/** `x` on the grid, in its type. */
export function roundedInput(x: Tensor, tables: Tables, { bits }: InputGrid): Tensor {
  const { codes, zero, scale } = coded(x, tables, bits);
  return ops.mul(ops.sub(codes, zero), scale);
}

/** The integers `q` and `z` in the type of `x`, and `s`: what a product of integers reads. */
export function coded(x: Tensor, { logScale, zero: zeros, row }: Tables, bits: number) {
  const at = (table: Tensor): Tensor => ops.to(ops.indexSelect(table, 0, row), x.dtype);
  const scale = ops.exp(at(logScale));
  const largest = 2 ** bits - 1;
  const trained = at(zeros);
  const whole = ops.clamp(ops.round(ops.detach(trained)), 0, largest);
  const zero = ops.add(whole, withoutValue(trained));
  const u = ops.div(x, scale);
  const v = ops.add(ops.round(ops.detach(u)), whole);
  const codes = ops.clamp(v, 0, largest);
  const inside = ops.to(ops.eq(codes, v), x.dtype);
  const passed = ops.mul(ops.add(withoutValue(u), withoutValue(trained)), inside);
  return { codes: ops.add(codes, passed), zero, scale };
}

/** Zeros that have the gradient of `x`: what is added to them stays an integer. */
function withoutValue(x: Tensor): Tensor {
  return ops.sub(x, ops.detach(x));
}
