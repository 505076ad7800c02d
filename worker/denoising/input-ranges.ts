// Where grids of inputs begin: for each layer and each row of its tables, of shrunk ranges the one
// that loses least of what the full model reads on the steps of the row. The power of 2.4 is that
// of EfficientDM's code.

import type { InputRows } from '../engine/input-parameters.ts';
import type { Model } from '../engine/model.ts';
import type { InputGrid } from '../nn/rounded-input.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { Trajectory, type TrajectorySettings } from './trajectory.ts';

/** Ranges that are tried, of the whole one: from all of it down to a fifth. */
const tried = 20;
const power = 2.4;
/** Rows of an input that a range is chosen by. */
const mostRows = 256;
/** Of inputs that are all zero. */
const leastScale = 1e-8;

/** By module path; of the first `pictures` of run 0, where each row is of as many steps. */
export function inputRanges(
  full: Model,
  { bits, rows }: InputGrid,
  settings: TrajectorySettings,
  pictures: number,
): ReadonlyMap<string, InputRows> {
  const found = new Map<string, { logScales: number[]; zeros: number[] }>();
  const largest = 2 ** bits - 1;
  const members = Array.from({ length: pictures }, (_, number) => number);
  const stepsOfRow = settings.steps / rows;
  using trajectory = new Trajectory(full, 0, members, settings);
  for (let step = 0; step < settings.steps; step += 1) {
    const row = Math.floor(step / stepsOfRow);
    trajectory.next((path, x) => {
      const own = found.get(path) ?? { logScales: [], zeros: [] };
      found.set(path, own);
      const { scale, zero } = scope(() => bestRange(x, largest));
      // Of several steps the widest: what is clipped is lost whole.
      const log = Math.log(scale);
      if (log <= (own.logScales[row] ?? Number.NEGATIVE_INFINITY)) return;
      own.logScales[row] = log;
      own.zeros[row] = zero;
    });
  }
  return found;
}

/** The values of rows that lie apart, so that pictures with and without classes are among them. */
function bestRange(x: Tensor, largest: number): { readonly scale: number; readonly zero: number } {
  const [rows = 0] = x.shape;
  const apart = Math.max(1, Math.floor(rows / mostRows));
  const values = ops.to(ops.slice(x, 0, 0, rows, apart), 'float32');
  const [low, high] = [Math.min(0, item(ops.amin(x))), Math.max(0, item(ops.amax(x)))];
  const ranges = Array.from({ length: tried }, (_, i) => {
    const share = 1 - (0.8 * i) / tried;
    const scale = Math.max(((high - low) * share) / largest, leastScale);
    const zero = Math.min(largest, Math.round((-low * share) / scale));
    return { scale, zero, lost: scope(() => item(lostBy(values, scale, zero, largest))) };
  });
  return ranges.reduce((best, one) => (one.lost < best.lost ? one : best));
}

function lostBy(values: Tensor, scale: number, zero: number, largest: number): Tensor {
  const codes = ops.round(ops.divScalar(values, scale));
  const kept = ops.subScalar(ops.clamp(ops.addScalar(codes, zero), 0, largest), zero);
  const off = ops.abs(ops.sub(ops.mulScalar(kept, scale), values));
  return ops.sum(ops.powScalar(off, power), { dtype: 'float64' });
}
