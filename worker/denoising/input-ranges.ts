// Where grids of inputs begin: for each layer and each denoising step, of shrunk ranges the one
// that loses least of what the full model reads there. The power of 2.4 is that of EfficientDM's
// code.

import type { InputRows } from '../engine/input-parameters.ts';
import type { Model } from '../engine/model.ts';
import type { InputGrid } from '../nn/rounded-input.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor, tensor } from '../tensor/tensor.ts';
import { alongTrajectory, type TrajectorySettings } from './trajectory.ts';

/** Ranges that are tried, of the whole one: from all of it down to a fifth. */
const tried = 20;
const power = 2.4;
/** Rows of an input that a range is chosen by. */
const mostRows = 256;
/** Of inputs that are all zero. */
const leastScale = 1e-8;

/** By module path. */
export function inputRanges(
  full: Model,
  { bits, rows }: InputGrid,
  settings: TrajectorySettings,
): ReadonlyMap<string, InputRows> {
  const found = new Map<string, { scales: number[]; zeros: number[] }>();
  const largest = 2 ** bits - 1;
  alongTrajectory(
    full,
    0,
    { ...settings, steps: rows },
    {
      input(path, x, row) {
        const own = found.get(path) ?? { scales: [], zeros: [] };
        found.set(path, own);
        const { scale, zero } = scope(() => bestRange(x, largest));
        own.scales[row] = scale;
        own.zeros[row] = zero;
      },
    },
  );
  return found;
}

function bestRange(x: Tensor, largest: number): { readonly scale: number; readonly zero: number } {
  const [rows = 0] = x.shape;
  const part = ops.reshape(ops.narrow(x, 0, 0, Math.min(rows, mostRows)), [1, -1]);
  const values = ops.to(part, 'float32');
  const [low, high] = [Math.min(0, item(ops.amin(x))), Math.max(0, item(ops.amax(x)))];
  const shares = Array.from({ length: tried }, (_, i) => 1 - (0.8 * i) / tried);
  const scales = shares.map((share) => Math.max(((high - low) * share) / largest, leastScale));
  const zeros = scales.map((scale, i) => Math.round((-low * (shares[i] ?? 1)) / scale));
  const column = (all: readonly number[]): Tensor => tensor(all, [tried, 1], 'float32');
  const [scale, zero] = [column(scales), column(zeros)];
  const q = ops.clamp(ops.add(ops.round(ops.div(values, scale)), zero), 0, largest);
  const off = ops.abs(ops.sub(ops.mul(ops.sub(q, zero), scale), values));
  const best = item(ops.argmin(ops.sumDim(ops.powScalar(off, power), [1])));
  return { scale: scales[best] ?? 1, zero: zeros[best] ?? 0 };
}
