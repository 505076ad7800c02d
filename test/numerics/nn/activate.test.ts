import test from 'ava';
import { activate } from '../../../worker/nn/activate.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { distance, largest, run, wide } from '../kernels/compare.ts';

const points = Array.from({ length: 161 }, (_, i) => (i - 80) / 10);

/** The normal distribution's share below x, by Simpson's rule over its density from 0. */
function below(x: number): number {
  const steps = 2000;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-0.5 * (i * h) ** 2);
  }
  return 0.5 + ((sum * h) / 3) * Math.sqrt(0.5 / Math.PI);
}

const definitions = {
  gelu: (x: number) => x * below(x),
  'gelu-tanh': (x: number) =>
    0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  'quick-gelu': (x: number) => x / (1 + Math.exp(-1.702 * x)),
} as const;

for (const name of Object.keys(definitions) as (keyof typeof definitions)[]) {
  const f = definitions[name];

  test(`${name} equals its definition, and its gradient the slope of that`, (t) => {
    scope(() => {
      const x = tensor(Float64Array.from(points), [points.length]);
      const got = run((a) => activate(a as Tensor, name), [x], [ops.onesLike(x)]);
      const expected = tensor(Float64Array.from(points.map(f)), [points.length]);
      // Simpson's rule is off by h^4 = (8 / 2000)^4 of a fourth derivative near 3; x is up to 8.
      t.true(distance(got.outputs[0] as Tensor, expected) <= 1e-9);
      // Central differences: h^2 / 6 of a third derivative, and the error above over h.
      const h = 1e-3;
      const slopes = points.map((at) => (f(at + h) - f(at - h)) / (2 * h));
      const slope = tensor(Float64Array.from(slopes), [points.length]);
      t.true(distance(got.gradients[0] as Tensor, slope) <= 3e-6);
    });
  });

  test(`${name} in bfloat16 is near that of the same values in float64`, (t) => {
    scope(() => {
      const x = ops.to(tensor(Float64Array.from(points), [points.length]), 'bfloat16');
      const [ours, exact] = [x, wide(x)].map((each) => activate(each, name)) as [Tensor, Tensor];
      t.is(ours.dtype, 'bfloat16');
      // Three roundings of half a unit, 2^-9: of the product inside, after it and at the end. The
      // first moves the sigmoid by up to 1.702 |x| of itself in the left tail, where x f is small.
      t.true(distance(ours, exact) <= 4 * 2 ** -9 * largest(exact));
      t.true(toArray(ops.isfinite(ours)).every(Boolean));
    });
  });
}

test('relu keeps what is above 0, where its slope is 1, and leaves nothing of the rest', (t) => {
  scope(() => {
    const x = tensor(Float64Array.from(points), [points.length]);
    const got = run((a) => activate(a as Tensor, 'relu'), [x], [ops.onesLike(x)]);
    t.deepEqual(
      toArray(got.outputs[0] as Tensor),
      points.map((at) => Math.max(at, 0)),
    );
    t.deepEqual(
      toArray(got.gradients[0] as Tensor),
      points.map((at) => (at > 0 ? 1 : 0)),
    );
  });
});
