// Integer grids against plain loops, and their gradients against autograd and differences.
import test from 'ava';
import {
  asBfloat16,
  codeRange,
  codes,
  fittedSteps,
  gradientOfScales,
  gradientsOnGrid,
  type IntegerGrid,
  onGrid,
  type Steps,
  stepsFromZero,
} from '../../../../worker/methods/weights/learned-step.ts';
import { grad, leaf, withTape } from '../../../../worker/tensor/autograd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';

const [rows, columns] = [12, 24] as const;
const grids: readonly IntegerGrid[] = [2, 3, 4, 8].flatMap((bits) =>
  (['Asymmetric', 'Symmetric'] as const).flatMap((range) =>
    [8, undefined].map((groupSize) => ({ bits, range, groupSize })),
  ),
);

const draw = (name: string, scale = 1): Tensor =>
  normal([rows, columns], scale, streamOf(3, 'learned-step.test', name), 'float64');

function named({ bits, range, groupSize = columns }: IntegerGrid): string {
  return `${bits} bits, ${range}, groups of ${groupSize}`;
}

/** Steps of half the size that covers all, and zeros one beside: a good part is cut off. */
function tooSmall(w: Tensor, grid: IntegerGrid): Steps {
  const { scale, zero } = fittedSteps(w, grid);
  const [low, high] = codeRange(grid);
  return {
    scale: ops.mulScalar(scale, 0.35),
    zero: zero === null ? null : ops.clamp(ops.addScalar(zero, 1), low, high),
  };
}

function gap(found: Tensor | null, expected: Tensor | null | undefined): number {
  if (found === null || expected === null || expected === undefined) throw new Error('missing');
  return item(ops.amax(ops.abs(ops.sub(found, expected))));
}

/** By autograd: rounding alone has the gradient of the identity. */
function byTape(w: Tensor, G: Tensor, { scale, zero }: Steps, grid: IntegerGrid) {
  const [low, high] = codeRange(grid);
  const size = grid.groupSize ?? columns;
  const spread = (each: Tensor) =>
    ops.reshape(ops.expand(ops.unsqueeze(each, 2), [-1, -1, size]), [rows, columns]);
  const of = [w, scale, ...(zero === null ? [] : [zero])].map(leaf) as [Tensor, Tensor, Tensor?];
  const [x, s, z] = of;
  const made = withTape(() => {
    const v = z === undefined ? ops.div(x, spread(s)) : ops.add(ops.div(x, spread(s)), spread(z));
    const p = ops.clamp(v, low, high);
    const q = ops.add(p, ops.detach(ops.sub(ops.round(p), p)));
    return ops.mul(z === undefined ? q : ops.sub(q, spread(z)), spread(s));
  });
  const [weight, ofScale, ofZero] = grad([made], of as Tensor[], [G]);
  return { made, weight, scale: ofScale, zero: ofZero };
}

for (const grid of grids) {
  test(`gradients are those of autograd with straight-through rounding: ${named(grid)}`, (t) => {
    scope(() => {
      const [w, G] = [draw('w'), draw('G')];
      const steps = tooSmall(w, grid);
      const found = gradientsOnGrid(w, G, steps, grid);
      const cut = toArray(found.weight).filter((x) => x === 0).length / (rows * columns);
      t.true(cut >= 0.2 && cut < 1, `${cut} of the values are cut off`);
      const expected = byTape(w, G, steps, grid);
      t.true(gap(onGrid(w, steps, grid), expected.made) < 1e-12);
      t.true(gap(found.weight, expected.weight) < 1e-10);
      t.true(gap(found.scale, expected.scale) < 1e-10);
      if (grid.range === 'Symmetric') t.is(found.zero, null);
      else t.true(gap(found.zero, expected.zero) < 1e-10);
    });
  });

  test(`the gradient of scales of frozen codes is that of differences: ${named(grid)}`, (t) => {
    scope(() => {
      const [w, G] = [draw('w'), draw('G')];
      const first = fittedSteps(w, grid);
      const steps = stepsFromZero(w, first, grid);
      const lossAt = (scale: Tensor) => {
        const size = grid.groupSize ?? columns;
        const wide = ops.reshape(ops.expand(ops.unsqueeze(scale, 2), [-1, -1, size]), w.shape);
        return item(ops.sum(ops.mul(ops.mul(steps, wide), G)));
      };
      const found = toArray(gradientOfScales(steps, G, grid));
      for (const [i, value] of found.entries()) {
        const moved = (by: number) => {
          const one = tensor(
            found.map((_, j) => (i === j ? by : 0)),
            first.scale.shape,
            'float64',
          );
          return lossAt(ops.add(first.scale, one));
        };
        // Linear in the scale: differences have no error but that of rounding.
        const difference = (moved(0.5) - moved(-0.5)) / 1;
        t.true(Math.abs(value - difference) < 1e-9 * Math.max(1, Math.abs(value)));
      }
    });
  });

  test(`fitted steps cover a group, and points of the grid stay: ${named(grid)}`, (t) => {
    scope(() => {
      const w = draw('w');
      // Of one sign, constant, all zero, and with an outlier.
      const set = (row: number, values: Tensor) => ops.copy_(ops.select(w, 0, row), values);
      set(0, ops.abs(ops.select(draw('one'), 0, 0)));
      set(1, ops.neg(ops.abs(ops.select(draw('two'), 0, 0))));
      set(2, ops.full([columns], 0.37, { dtype: 'float64' }));
      set(3, ops.zeros([columns], { dtype: 'float64' }));
      ops.fill_(ops.narrow(ops.select(w, 0, 4), 0, 5, 1), 300);
      const steps = fittedSteps(w, grid);
      t.deepEqual(toArray(asBfloat16(steps.scale)), toArray(steps.scale));
      const made = onGrid(w, steps, grid);
      const size = grid.groupSize ?? columns;
      const scales = toArray(steps.scale);
      const off = toArray(ops.sub(made, w));
      for (const [i, x] of off.entries()) {
        const scale = scales[Math.floor(i / size)] ?? Number.NaN;
        t.true(Math.abs(x) <= scale / 2 + 1e-12, `${x} of ${scale}`);
      }
      t.deepEqual(toArray(codes(made, steps, grid)), toArray(codes(w, steps, grid)));
      t.deepEqual(toArray(onGrid(made, steps, grid)), toArray(made));
      t.deepEqual(toArray(ops.select(made, 0, 3)), new Array(columns).fill(0));
      const [low, high] = codeRange(grid);
      for (const code of toArray(codes(w, steps, grid))) {
        t.true(Number.isInteger(code) && code >= low && code <= high);
      }
      // A power of two scales values and steps alike.
      const four = ops.mulScalar(w, 4);
      const scaled = onGrid(four, fittedSteps(four, grid), grid);
      t.deepEqual(toArray(scaled), toArray(ops.mulScalar(made, 4)));
    });
  });
}
