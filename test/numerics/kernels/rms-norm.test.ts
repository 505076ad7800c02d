import test from 'ava';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  longestRow,
  onEachIsa,
  type Run,
  relativeDistance,
  run,
  storedError,
  wide,
} from './compare.ts';

const eps = 1e-5;
const shapes = [
  [1, 1],
  [1, 576],
  [37, 7],
  [300, 576],
  [5, 9, 64],
  [3, 1031],
  // On a device more rows than blocks: a block adds up several rows, one after the other.
  [1030, 160],
  [0, 8],
] as const;

/** The definition in float64. */
function reference(x: Tensor, weight: Tensor, offset: number): Tensor {
  const mean = ops.meanDim(ops.square(x), [-1], true);
  return ops.mul(ops.mul(x, ops.rsqrt(ops.addScalar(mean, eps))), ops.addScalar(weight, offset));
}

function draws(shape: readonly number[], dtype: DType): { x: Tensor; weight: Tensor; dy: Tensor } {
  return {
    x: draw('x', shape, dtype, 2),
    weight: draw('weight', [shape.at(-1) ?? 0], dtype),
    dy: draw('dy', shape, dtype),
  };
}

for (const shape of shapes) {
  for (const dtype of dtypesUnderTest) {
    for (const offset of [0, 1]) {
      const title = `[${shape.join(', ')}], ${dtype}, offset ${offset}`;
      test(`rms_norm equals its definition, forward and backward: ${title}`, (t) => {
        scope(() => {
          const { x, weight, dy } = draws(shape, dtype);
          const expected = run(
            (a, w) => reference(a as Tensor, w as Tensor, offset),
            [wide(x), wide(weight)],
            [wide(dy)],
          );
          const D = shape.at(-1) ?? 0;
          const rows = x.numel / D;
          // Sums of D terms; Llama's order rounds twice in the stored type.
          const e = arithmeticEpsilon(dtype) * (8 + Math.sqrt(D));
          const stored = storedError(dtype) * (offset === 0 ? 2.1 : 1.1);
          onEachIsa((isa) => {
            const got = run(
              (a, w) => ops.rmsNorm(a as Tensor, w as Tensor, eps, offset),
              [x, weight],
              [dy],
            );
            const [y, exactY] = [got.outputs[0] as Tensor, expected.outputs[0] as Tensor];
            t.true(relativeDistance(y, exactY, 1e-30) <= e + stored, `${isa}: y`);
            const [dx, dw] = got.gradients as [Tensor, Tensor];
            const [exactDx, exactDw] = expected.gradients as [Tensor, Tensor];
            // |g| rstd and |n| mean(g n) rstd cancel; x of deviation 2 gives rstd near 1/2, but a
            // short row may be small.
            const steepest = (largest(weight) + offset) * longestRow(dy) * rstdOf(x);
            t.true(
              distance(dx, exactDx) <= (e + stored) * 2 * steepest * Math.sqrt(D),
              `${isa}: dx`,
            );
            const column = longestRow(ops.reshape(dy, [-1, D])) * Math.sqrt(D) * Math.sqrt(rows);
            t.true(
              distance(dw, exactDw) <= (e * Math.sqrt(rows + 1) + stored) * column + 1e-300,
              `${isa}: dw`,
            );
          });
        });
      });
    }
  }
}

/** The largest 1 / rms of a row. */
function rstdOf(x: Tensor): number {
  const mean = ops.meanDim(ops.square(wide(x)), [-1]);
  return largest(ops.rsqrt(ops.addScalar(mean, eps)));
}

function same(t: { deepEqual(a: unknown, b: unknown): unknown }, a: Run, b: Run): void {
  t.deepEqual(a.outputs.map(toBytes), b.outputs.map(toBytes));
  t.deepEqual(a.gradients.map(toBytes), b.gradients.map(toBytes));
}

test('rms_norm gives the same bits for any number of threads', (t) => {
  scope(() => {
    for (const dtype of dtypesUnderTest) {
      const { x, weight, dy } = draws([1200, 96], dtype);
      const [one, ...others] = bytesByThreads([1, 2, 3, 7], () =>
        run((a, w) => ops.rmsNorm(a as Tensor, w as Tensor, eps), [x, weight], [dy]),
      );
      for (const other of others) t.deepEqual(other, one);
    }
  });
});

test('rms_norm reads heads of a fused product in place', (t) => {
  scope(() => {
    const fused = draw('fused', [20, 5 * 32], 'float32');
    const heads = ops.unflatten(ops.narrow(fused, 1, 64, 96), 1, [3, 32]);
    const weight = draw('weight', [32], 'float32');
    const dy = draw('dy', [20, 3, 32], 'float32');
    const norm = (x: Tensor): Run =>
      run((a, w) => ops.rmsNorm(a as Tensor, w as Tensor, eps), [x, weight], [dy]);
    same(t, norm(heads), norm(ops.contiguous(heads)));
  });
});

test('rms_norm takes a float32 weight beside bfloat16 values and gives its gradient in float32', (t) => {
  scope(() => {
    const { x, dy } = draws([9, 40], 'bfloat16');
    const weight = draw('weight', [40], 'float32');
    const got = run((a, w) => ops.rmsNorm(a as Tensor, w as Tensor, eps), [x, weight], [dy]);
    t.is(got.outputs[0]?.dtype, 'bfloat16');
    t.is(got.gradients[1]?.dtype, 'float32');
  });
});

test('rms_norm refuses a weight of another size, with both sizes', (t) => {
  scope(() => {
    const { x } = draws([9, 40], 'float32');
    t.throws(() => ops.rmsNorm(x, draw('weight', [41], 'float32'), eps), {
      message: /weight has the shape \[41\]; it must be \[40\]/,
    });
  });
});
