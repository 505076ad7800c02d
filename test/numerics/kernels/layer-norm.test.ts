import test from 'ava';
import { layerNorm } from '../../../worker/nn/layer-norm.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  onEachIsa,
  type Run,
  run,
  storedError,
  wide,
} from './compare.ts';

const epsilon = 1e-5;
const shapes = [
  [1, 1],
  [1, 576],
  [37, 7],
  [300, 384],
  [5, 9, 64],
  [3, 1031],
  // On a device more rows than blocks: a block adds up several rows, one after the other.
  [1030, 160],
  [0, 8],
] as const;

type Leaves = readonly [x: Tensor, weight: Tensor, bias: Tensor];

/** The definition, in plain operators. */
function reference(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const off = ops.sub(x, ops.meanDim(x, [-1], true));
  return ops.add(ops.mul(ops.mul(off, rstdOf(x)), weight), bias);
}

function rstdOf(x: Tensor): Tensor {
  const off = ops.sub(x, ops.meanDim(x, [-1], true));
  return ops.rsqrt(ops.addScalar(ops.meanDim(ops.square(off), [-1], true), epsilon));
}

function draws(shape: readonly number[], dtype: DType, mean = 0) {
  const D = shape.at(-1) ?? 0;
  const x = ops.addScalar(draw('x', shape, dtype, 2), mean);
  const leaves: Leaves = [x, draw('weight', [D], dtype), draw('bias', [D], dtype)];
  return { leaves, dy: draw('dy', shape, dtype) };
}

function norm(leaves: Leaves, dy: Tensor, eps = epsilon): Run {
  return run(
    (x, weight, bias) =>
      layerNorm(x as Tensor, { weight: weight as Tensor, bias: bias as Tensor, epsilon: eps }),
    leaves,
    [dy],
  );
}

/**
 * Bounds of |error| of y, dx, dweight and dbias. Sums of D terms are off by e of what they add, so
 * a mean by e |x| and a normal value by E, in units of the row's deviation. dx is a difference of
 * three terms, each at most G sqrt(D) large; sums over rows add what their columns hold.
 */
function bounds(leaves: Leaves, dy: Tensor, exact: Run, dtype: DType): readonly number[] {
  const [x, weight] = leaves;
  const D = x.shape.at(-1) ?? 0;
  const rows = ops.reshape(wide(dy), [-1, D]);
  const R = rows.shape[0] ?? 0;
  const e = arithmeticEpsilon(dtype) * (8 + Math.sqrt(D));
  const rstd = largest(rstdOf(wide(x)));
  const top = Math.sqrt(D);
  const E = e * (largest(x) * rstd + top);
  const G = largest(weight) * largest(dy);
  const column = R === 0 ? 0 : largest(ops.sumDim(ops.abs(rows), [0]));
  const ofRows = arithmeticEpsilon(dtype) * (8 + Math.sqrt(R));
  const stored = [...exact.outputs, ...exact.gradients].map(
    (each) => 1.1 * storedError(dtype) * largest(each),
  );
  const [y, dx] = [...exact.outputs, ...exact.gradients].map(largest) as [number, number];
  return [
    largest(weight) * E + 2 * e * y,
    rstd * G * (2 * E * (1 + top) + e * (4 + 2 * top)) + E * dx,
    column * (E + ofRows * top),
    column * ofRows,
  ].map((bound, i) => bound + (stored[i] ?? 0));
}

for (const shape of shapes) {
  for (const dtype of dtypesUnderTest) {
    // A mean that is far from zero: its square would drown the variance of a float32 row.
    for (const mean of [0, 1000]) {
      const title = `[${shape.join(', ')}], ${dtype}, mean ${mean}`;
      test(`layer_norm equals its definition, forward and backward: ${title}`, (t) => {
        scope(() => {
          const { leaves, dy } = draws(shape, dtype, mean);
          const exact = run(
            (x, weight, bias) => reference(x as Tensor, weight as Tensor, bias as Tensor),
            leaves.map(wide),
            [wide(dy)],
          );
          const limits = bounds(leaves, dy, exact, dtype);
          onEachIsa((isa) => {
            const got = norm(leaves, dy);
            for (const [i, ours] of [...got.outputs, ...got.gradients].entries()) {
              t.is(ours.dtype, dtype);
              const off = distance(ours, [...exact.outputs, ...exact.gradients][i] as Tensor);
              t.true(off <= (limits[i] ?? 0), `${isa}, tensor ${i}: ${off} > ${limits[i]}`);
            }
          });
        });
      });
    }
  }
}

function bytes({ outputs, gradients }: Run): readonly Uint8Array[] {
  return [...outputs, ...gradients].map(toBytes);
}

test('layer_norm gives the same bits for any number of threads', (t) => {
  scope(() => {
    for (const dtype of dtypesUnderTest) {
      const { leaves, dy } = draws([1200, 96], dtype);
      const [one, ...others] = bytesByThreads([1, 2, 3, 7], () => norm(leaves, dy));
      for (const other of others) t.deepEqual(other, one);
    }
  });
});

test('the gradient of x has the same bits where weight and bias do not train', (t) => {
  scope(() => {
    const { leaves, dy } = draws([70, 96], 'float32');
    const [x, weight, bias] = leaves;
    const alone = run((a) => layerNorm(a as Tensor, { weight, bias, epsilon }), [x], [dy]);
    const [dx] = norm(leaves, dy).gradients;
    t.deepEqual(toBytes(alone.gradients[0] as Tensor), toBytes(dx as Tensor));
  });
});

test('a row of equal values becomes the bias, and has no gradient, for an epsilon of 1e-12', (t) => {
  scope(() => {
    for (const dtype of dtypesUnderTest) {
      const { leaves, dy } = draws([5, 64], dtype);
      const [x, weight, bias] = leaves;
      // Of 64 equal values of few bits each sum is exact.
      const got = norm([ops.fullLike(x, 0.5), weight, bias], ops.onesLike(dy), 1e-12);
      t.is(distance(got.outputs[0] as Tensor, ops.expand(bias, [5, 64])), 0);
      const [dx, dweight, dbias] = got.gradients as [Tensor, Tensor, Tensor];
      t.true(toArray(ops.isfinite(dx)).every(Boolean));
      t.is(largest(dweight), 0);
      t.deepEqual(new Set(toArray(ops.to(dbias, 'float64'))), new Set([5]));
    }
  });
});

test('layer_norm reads heads of a fused product in place', (t) => {
  scope(() => {
    const fused = draw('fused', [20, 5 * 32], 'float32');
    const heads = ops.unflatten(ops.narrow(fused, 1, 64, 96), 1, [3, 32]);
    const { leaves, dy } = draws([20, 3, 32], 'float32');
    const [, weight, bias] = leaves;
    const [inPlace, copied] = [heads, ops.contiguous(heads)].map((x) =>
      bytes(norm([x, weight, bias], dy)),
    );
    t.deepEqual(inPlace, copied);
  });
});

test('layer_norm takes float32 weights beside bfloat16 values and gives their gradients in float32', (t) => {
  scope(() => {
    const { leaves, dy } = draws([9, 40], 'bfloat16');
    const [x, weight, bias] = leaves;
    const got = norm([x, ops.to(weight, 'float32'), ops.to(bias, 'float32')], dy);
    t.is(got.outputs[0]?.dtype, 'bfloat16');
    t.deepEqual(
      got.gradients.map(({ dtype }) => dtype),
      ['bfloat16', 'float32', 'float32'],
    );
  });
});

test('layer_norm refuses what it cannot read, with the reason', (t) => {
  scope(() => {
    const x = draw('x', [9, 40], 'float32');
    const [right, longer] = [draw('w', [40], 'float32'), draw('w', [41], 'float32')];
    const call = (weight: Tensor, bias: Tensor, eps = epsilon) =>
      ops.layerNorm(x, weight, bias, eps);
    t.throws(() => call(longer, right), {
      message: /weight has the shape \[41\]; it must be \[40\]/,
    });
    t.throws(() => call(right, longer), {
      message: /bias has the shape \[41\]; it must be \[40\]/,
    });
    t.throws(() => call(right, ops.to(right, 'bfloat16')), { message: /must be alike/ });
    t.throws(() => call(right, right, 0), { message: /eps is 0; it must be positive/ });
  });
});
