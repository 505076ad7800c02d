import test from 'ava';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  onEachIsa,
  run,
  storedError,
  wide,
} from './compare.ts';

interface Table {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

function tableOf(T: number, pairs: number, dtype: DType, factor = 1.25): Table {
  const angles = Array.from(
    { length: T * pairs },
    (_, i) => Math.floor(i / pairs) * 10_000 ** -((i % pairs) / pairs),
  );
  const as = dtype === 'float64' ? 'float64' : 'float32';
  return {
    cos: tensor(
      angles.map((a) => Math.cos(a) * factor),
      [T, pairs],
      as,
    ),
    sin: tensor(
      angles.map((a) => Math.sin(a) * factor),
      [T, pairs],
      as,
    ),
  };
}

/** The definition, in the type of its arguments. */
function reference(x: Tensor, { cos, sin }: Table): Tensor {
  const pairs = cos.shape[1] ?? 0;
  const [c, s] = [ops.unsqueeze(wide(cos), 1), ops.unsqueeze(wide(sin), 1)];
  const [low, high] = [ops.narrow(x, 2, 0, pairs), ops.narrow(x, 2, pairs, pairs)];
  const passed = ops.narrow(x, 2, 2 * pairs, (x.shape[2] ?? 0) - 2 * pairs);
  const first = ops.sub(ops.mul(low, c), ops.mul(high, s));
  const second = ops.add(ops.mul(high, c), ops.mul(low, s));
  return ops.cat([first, second, passed], 2);
}

const shapes = [
  { shape: [1, 1, 2], pairs: 1 },
  { shape: [33, 3, 64], pairs: 32 },
  { shape: [5, 2, 80], pairs: 16 },
  { shape: [7, 1, 26], pairs: 13 },
  { shape: [4, 2, 6], pairs: 0 },
  { shape: [0, 2, 8], pairs: 4 },
] as const;

for (const { shape, pairs } of shapes) {
  for (const dtype of dtypesUnderTest) {
    test(`rope equals its definition, forward and backward: [${shape.join(', ')}] with ${pairs} pairs, ${dtype}`, (t) => {
      scope(() => {
        const x = draw('x', shape, dtype);
        const dy = draw('dy', shape, dtype);
        const table = tableOf(shape[0], pairs, dtype);
        const expected = run((a) => reference(a as Tensor, table), [wide(x)], [wide(dy)]);
        // Two products and a sum of values up to 1.25 |x|, then one rounding.
        const e = 2 * (2 * arithmeticEpsilon(dtype) + storedError(dtype));
        onEachIsa((isa) => {
          const got = run((a) => ops.rope(a as Tensor, table.cos, table.sin), [x], [dy]);
          const [y, dx] = [got.outputs[0] as Tensor, got.gradients[0] as Tensor];
          t.is(y.dtype, dtype);
          t.true(distance(y, expected.outputs[0] as Tensor) <= e * 1.25 * largest(x), `${isa}: y`);
          t.true(
            distance(dx, expected.gradients[0] as Tensor) <= e * 1.25 * largest(dy),
            `${isa}: dx`,
          );
        });
      });
    });
  }
}

test('turning by the opposite angle undoes rope up to the square of the attention factor', (t) => {
  scope(() => {
    const x = draw('x', [50, 4, 64], 'float64');
    const table = tableOf(50, 32, 'float64');
    const { gradients } = run(
      (a) => ops.rope(a as Tensor, table.cos, table.sin),
      [x],
      [ops.rope(x, table.cos, table.sin)],
    );
    const back = ops.mulScalar(gradients[0] as Tensor, 1.25 ** -2);
    t.true(distance(back, x) <= 8 * arithmeticEpsilon('float64') * largest(x));
  });
});

test('rope gives the same bits for any number of threads', (t) => {
  scope(() => {
    const x = draw('x', [900, 4, 64], 'bfloat16');
    const table = tableOf(900, 32, 'bfloat16');
    const [one, ...others] = bytesByThreads([1, 2, 3], () =>
      run((a) => ops.rope(a as Tensor, table.cos, table.sin), [x], [x]),
    );
    for (const other of others) t.deepEqual(other, one);
  });
});

test('rope refuses tables of another length, with both', (t) => {
  scope(() => {
    const table = tableOf(4, 4, 'float32');
    t.throws(() => ops.rope(draw('x', [3, 1, 8], 'float32'), table.cos, table.sin), {
      message: /cos has the shape \[4, 4\]; it must be \[3, at most 4\]/,
    });
  });
});
