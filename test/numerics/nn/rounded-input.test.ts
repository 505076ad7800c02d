// Inputs on a grid whose steps are those of a denoising step: values, gradients in closed form, and
// that each row of the tables is of its own step.
import test from 'ava';
import { coded, roundedInput } from '../../../worker/nn/rounded-input.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const grid = { bits: 3, rows: 3 };
const steps = [0.2, 0.35, 0.5];
const zeros = [3.3, 2.6, 4];

const values = scope(() => toArray(normal([40, 6], 1, streamOf(4, 'x'), 'float64')));
const upstream = scope(() => toArray(normal([40, 6], 1, streamOf(4, 'G'), 'float64')));
const ofShape = (of: readonly number[]): Tensor => tensor(of, [40, 6], 'float64');
const table = (of: readonly number[]): Tensor => tensor(of, [3], 'float64');
const rowAt = (row: number): Tensor => tensor([row], [1], 'int64');

test('a value is the nearest integer from the zero point, in steps of its row', (t) => {
  for (const row of [0, 1, 2]) {
    const [s = 0, z = 0] = [steps[row], Math.round(zeros[row] ?? 0)];
    const expected = values.map((x) => {
      const u = x / s;
      const q = Math.min(7, Math.max(0, Math.round(u) + z));
      return (q - z) * s;
    });
    scope(() => {
      const tables = { logScale: table(steps.map(Math.log)), zero: table(zeros), row: rowAt(row) };
      const found = toArray(roundedInput(ofShape(values), tables, grid));
      const off = Math.max(...found.map((x, i) => Math.abs(x - (expected[i] ?? 9))));
      t.true(off < 1e-14, `${off}`);
      const { codes } = coded(ofShape(values), tables, grid.bits);
      t.true(toArray(codes).every((q) => Number.isInteger(q) && q >= 0 && q <= 7));
    });
  }
});

test('gradients pass straight through rounding, and stop where values are clipped', (t) => {
  const row = 1;
  const [s = 0, z = 0] = [steps[row], Math.round(zeros[row] ?? 0)];
  scope(() => {
    const [x, logScale, zero] = [ofShape(values), table(steps.map(Math.log)), table(zeros)].map(
      leaf,
    );
    if (x === undefined || logScale === undefined || zero === undefined) return t.fail();
    const y = withTape(() => roundedInput(x, { logScale, zero, row: rowAt(row) }, grid));
    const found = grad([y], [x, logScale, zero], [ofShape(upstream)]).map((g) =>
      g === null ? [] : toArray(g),
    );
    let [ofScale, ofZero, clipped] = [0, 0, 0];
    const ofX = values.map((value, i) => {
      const G = upstream[i] ?? 0;
      const u = value / s;
      const v = Math.round(u) + z;
      const inside = v >= 0 && v <= 7;
      clipped += inside ? 0 : 1;
      const q = Math.min(7, Math.max(0, v));
      ofScale += G * (q - z - (inside ? u : 0));
      ofZero -= inside ? 0 : s * G;
      return inside ? G : 0;
    });
    t.true(clipped > 20 && clipped < 200, `${clipped} are clipped`);
    const expected = [ofX, [0, ofScale * s, 0], [0, ofZero, 0]];
    for (const [i, one] of expected.entries()) {
      const off = Math.max(...one.map((each, j) => Math.abs(each - (found[i]?.[j] ?? 9))));
      t.true(off < 1e-12, `${i}: ${off}`);
    }
  });
});
