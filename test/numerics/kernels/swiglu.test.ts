import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  draw,
  dtypesUnderTest,
  onEachIsa,
  relativeDistance,
  run,
  storedError,
  wide,
} from './compare.ts';

const activations = [
  { name: 'silu', code: 0, act: (x: Tensor) => ops.silu(x) },
  { name: 'gelu-tanh', code: 1, act: (x: Tensor) => ops.gelu(x, { approximate: 'tanh' }) },
  { name: 'gelu', code: 2, act: (x: Tensor) => ops.gelu(x) },
] as const;

for (const { name, code, act } of activations) {
  for (const dtype of dtypesUnderTest) {
    for (const shape of [[1, 1], [37, 101], [3, 5, 64], [0, 8], [513]] as const) {
      test(`${name}(gate) * up equals its definition, forward and backward: [${shape.join(', ')}], ${dtype}`, (t) => {
        scope(() => {
          const gate = draw('gate', shape, dtype, 4);
          const up = draw('up', shape, dtype);
          const dy = draw('dy', shape, dtype);
          const expected = run(
            (g, u) => ops.mul(act(g as Tensor), u as Tensor),
            [wide(gate), wide(up)],
            [wide(dy)],
          );
          // exp of |x| <= 20 is off by 1 + |x| / 8 units. The slope crosses zero, and ATen writes
          // gelu as x (1 + erf) / 2, which cancels in the left tail: there the floor is the size of
          // the terms.
          const e = arithmeticEpsilon(dtype) * (code === 0 ? 8 : 64) + 1.01 * storedError(dtype);
          onEachIsa((isa) => {
            const got = run((g, u) => ops.swiglu(g as Tensor, u as Tensor, code), [gate, up], [dy]);
            const all = [...got.outputs, ...got.gradients];
            for (const [i, exact] of [...expected.outputs, ...expected.gradients].entries()) {
              t.is(all[i]?.dtype, dtype);
              const off = relativeDistance(all[i] as Tensor, exact, i === 1 || code > 0 ? 1 : 0.01);
              t.true(off <= e, `${isa}, tensor ${i}: off by ${off}, bound ${e}`);
            }
          });
        });
      });
    }
  }

  test(`${name} keeps far arguments, zero and NaN`, (t) => {
    scope(() => {
      const gate = tensor([-1e4, -90, -0, 0, 90, 1e4, Number.NaN], [7]);
      const y = toArray(ops.swiglu(gate, ops.onesLike(gate), code));
      t.deepEqual(
        y.slice(0, 6).map((value) => value + 0),
        [0, 0, 0, 0, 90, 1e4].map((value, i) => (i === 1 ? (y[1] ?? 1) + 0 : value)),
      );
      t.true(Math.abs(y[1] ?? 1) < 1e-30);
      t.true(Number.isNaN(y[6]));
    });
  });
}

test('swiglu reads both halves of a fused product in place', (t) => {
  scope(() => {
    const fused = draw('fused', [11, 2 * 40], 'bfloat16');
    const [gate, up] = ops.splitSizes(fused, [40, 40], 1) as [Tensor, Tensor];
    const dy = draw('dy', [11, 40], 'bfloat16');
    const bytes = (...inputs: Tensor[]): Uint8Array[] => {
      const { outputs, gradients } = run((g, u) => ops.swiglu(g as Tensor, u as Tensor), inputs, [
        dy,
      ]);
      return [...outputs, ...gradients].map(toBytes);
    };
    t.deepEqual(bytes(gate, up), bytes(ops.contiguous(gate), ops.contiguous(up)));
  });
});

test('swiglu gives the same bits for any number of threads', (t) => {
  scope(() => {
    const [gate, up] = [draw('gate', [700, 96], 'float32'), draw('up', [700, 96], 'float32')];
    const [one, ...others] = bytesByThreads([1, 2, 3], () =>
      run((g, u) => ops.swiglu(g as Tensor, u as Tensor), [gate, up], [gate]),
    );
    for (const other of others) t.deepEqual(other, one);
  });
});

test('swiglu refuses an unknown activation and unlike shapes', (t) => {
  scope(() => {
    const x = draw('x', [3, 4], 'float32');
    t.throws(() => ops.swiglu(x, x, 3), { message: /activation is 3; it must be 0/ });
    t.throws(() => ops.swiglu(x, draw('y', [3, 5], 'float32')), {
      message: /up is Float \[3, 5\]/,
    });
  });
});
