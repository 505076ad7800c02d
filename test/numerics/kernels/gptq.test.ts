// A sweep of GPTQ against its definition in plain numbers, each rounded to float32.
import test from 'ava';
import fc from 'fast-check';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, draw, onEachIsa } from './compare.ts';

const f = Math.fround;

interface Shape {
  readonly rows: number;
  readonly groups: number;
  readonly group: number;
  readonly largest: number;
  /** Zeros between codes, as those of blocks with a minimum. */
  readonly between: boolean;
}

const anyShape: fc.Arbitrary<Shape> = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  groups: fc.integer({ min: 1, max: 5 }),
  group: fc.constantFrom(1, 3, 8, 32),
  largest: fc.constantFrom(1, 3, 7, 15, 255),
  between: fc.boolean(),
});

function inputsOf({ rows, groups, group, largest, between }: Shape) {
  const n = groups * group;
  const zeros = ops.mulScalar(
    ops.addScalar(draw('zeros', [rows, groups], 'float32'), 2),
    largest / 4,
  );
  return {
    weight: draw('weight', [rows, n], 'float32'),
    scales: ops.addScalar(ops.abs(draw('scales', [rows, groups], 'float32')), 0.05),
    zeros: between ? zeros : ops.round(zeros),
    factor: ops.add(draw('factor', [n, n], 'float32', 0.2), ops.eye(n, { dtype: 'float32' })),
  };
}

/** To the nearest, ties to even. */
function nearest(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

function expected(
  shape: Shape,
  { weight, scales, zeros, factor }: ReturnType<typeof inputsOf>,
  [first, count]: readonly [number, number],
) {
  const n = shape.groups * shape.group;
  const [W, S, Z, U] = [weight, scales, zeros, factor].map(toArray) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const codes: number[] = [];
  const errors: number[] = [];
  for (let row = 0; row < shape.rows; row += 1) {
    const w = W.slice(row * n + first, row * n + first + count);
    for (let j = 0; j < count; j += 1) {
      const at = row * shape.groups + Math.floor((first + j) / shape.group);
      const [s, z] = [S[at]!, Z[at]!];
      const steps = f(f(w[j]! / s) + f(z - nearest(z)));
      const code = Math.min(Math.max(nearest(steps) + nearest(z), 0), shape.largest);
      const u = (k: number) => U[(first + j) * n + first + k]!;
      const error = f(f(w[j]! - f(f(code - z) * s)) / u(j));
      codes.push(code);
      errors.push(error);
      for (let k = j + 1; k < count; k += 1) w[k] = f(w[k]! - f(error * u(k)));
    }
  }
  return { codes, errors };
}

function swept(shape: Shape, inputs: ReturnType<typeof inputsOf>, first: number, count: number) {
  const codes = ops.fullLike(ops.to(inputs.weight, 'uint8'), 99);
  const { weight, scales, zeros, factor } = inputs;
  const errors = ops.gptqSweep(
    ...([weight, codes, scales, zeros, factor, first, count] as const),
    ...([shape.group, shape.largest] as const),
  );
  return { codes, errors };
}

test('codes and errors are those of the definition, and other columns stay', (t) => {
  onEachIsa(() => {
    fc.assert(
      fc.property(anyShape, fc.nat(), fc.nat(), (shape, a, b) =>
        scope(() => {
          const n = shape.groups * shape.group;
          const first = a % n;
          const count = 1 + (b % Math.min(128, n - first));
          const inputs = inputsOf(shape);
          const { codes, errors } = swept(shape, inputs, first, count);
          const wanted = expected(shape, inputs, [first, count]);
          t.deepEqual(toArray(errors), wanted.errors);
          t.deepEqual(toArray(ops.narrow(codes, 1, first, count)), wanted.codes);
          const others = toArray(codes).filter((_, i) => i % n < first || i % n >= first + count);
          t.true(others.every((code) => code === 99));
        }),
      ),
      { numRuns: 40 },
    );
  });
});

test('the number of threads changes no bit', (t) => {
  scope(() => {
    const shape = { rows: 900, groups: 4, group: 32, largest: 15, between: false };
    const inputs = inputsOf(shape);
    const [one, ...more] = bytesByThreads([1, 2, 5], () => {
      const { codes, errors } = swept(shape, inputs, 0, 128);
      return { outputs: [codes, errors], gradients: [] };
    });
    for (const bytes of more) t.deepEqual(bytes, one);
  });
});

test('what a sweep cannot take is told', (t) => {
  scope(() => {
    const shape = { rows: 4, groups: 2, group: 96, largest: 15, between: false };
    const inputs = inputsOf(shape);
    const refused = (change: object, first: number, count: number) => () =>
      swept({ ...shape, ...change }, inputs, first, count);
    t.throws(refused({}, 0, 129), { message: /the columns are 0 to 129; there may be 128 of 192/ });
    t.throws(refused({}, 100, 93), { message: /the columns are 100 to 193/ });
    t.throws(refused({ group: 7 }, 0, 8), {
      message: /group is 7; it must divide the 192 columns/,
    });
    t.throws(refused({ largest: 256 }, 0, 8), { message: /largest is 256/ });
    t.throws(refused({ group: 48 }, 0, 8), { message: /scales is Float \[4, 2\]; it must be/ });
    const wide = ops.to(inputs.weight, 'float64') as Tensor;
    t.throws(() => swept(shape, { ...inputs, weight: wide }, 0, 8), {
      message: /weight is Double/,
    });
    t.notThrows(refused({}, 64, 128));
    t.is(tensor([0], [1], 'int32').numel, 1);
  });
});
