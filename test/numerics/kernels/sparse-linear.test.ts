// Linear layers of which single values change, and products that are made at single places.
import test from 'ava';
import fc from 'fast-check';
import { formats } from '../../../worker/methods/weights/weight-store.ts';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { choose, streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { bytesByThreads, distance, draw, isNear, largest, run, wide } from './compare.ts';

interface Case {
  readonly rows: number;
  readonly inputs: number;
  /** Of each layer; every second one changes. */
  readonly outputs: readonly number[];
  readonly density: number;
  readonly dtype: DType;
}

const valueType = ({ dtype }: Case): DType => (dtype === 'float64' ? 'float64' : 'float32');

function placesOf({ inputs, density }: Case, outputs: number): Tensor {
  const all = outputs * inputs;
  const count = Math.max(1, Math.floor(density * all));
  const drawn = choose(count, all, streamOf(3, 'places', outputs)).toSorted((a, b) => a - b);
  return tensor(drawn, [count], 'int32');
}

/** x, then the weight of each layer, then the values of those that change. */
function leavesOf(c: Case): Tensor[] {
  return [
    draw('x', [c.rows, c.inputs], c.dtype),
    ...c.outputs.map((outputs, i) => draw(`w${i}`, [outputs, c.inputs], c.dtype, 0.3)),
    ...changed(c).map((outputs) =>
      draw(`v${outputs}`, [placesOf(c, outputs).numel], valueType(c), 0.3),
    ),
  ];
}

const changed = (c: Case): readonly number[] => c.outputs.filter((_, i) => i % 2 === 0);

function group(c: Case, [x, ...rest]: readonly Tensor[]): Tensor[] {
  const weights = rest.slice(0, c.outputs.length);
  const values = rest.slice(c.outputs.length);
  const of = <T>(make: (outputs: number, i: number) => T) =>
    c.outputs.map((outputs, i) => (i % 2 === 0 ? make(outputs, i / 2) : null));
  return ops.loraLinearGroup(
    x as Tensor,
    weights,
    [],
    of((outputs) => placesOf(c, outputs)),
    of((_, i) => values[i] as Tensor),
    c.outputs.map(() => 1),
  );
}

function definition(c: Case, [x, ...rest]: readonly Tensor[]): Tensor[] {
  return c.outputs.map((outputs, i) => {
    const weight = rest[i] as Tensor;
    if (i % 2 === 1) return ops.matmul(x as Tensor, ops.t(weight));
    const value = rest[c.outputs.length + i / 2] as Tensor;
    const change = ops.indexAdd_(
      ops.zeros([outputs * c.inputs], { dtype: 'float64' }),
      0,
      placesOf(c, outputs),
      value,
    );
    return ops.matmul(x as Tensor, ops.t(ops.add(weight, ops.view(change, weight.shape))));
  });
}

const seedsOf = (c: Case) =>
  c.outputs.map((outputs, i) => draw(`dy${i}`, [c.rows, outputs], c.dtype));

/** In bfloat16 the changed weight is rounded once before it is multiplied. */
function tolerance(c: Case, of: Tensor): number {
  const depth = c.rows + c.inputs + c.outputs.reduce((sum, outputs) => sum + outputs, 0);
  const sum = dtypeEpsilon(valueType(c)) * 16 * (8 + depth);
  const unit = dtypeEpsilon(of.dtype);
  const weights = c.dtype === 'bfloat16' ? dtypeEpsilon('bfloat16') * 4 * Math.sqrt(depth) : 0;
  return sum + 1.02 * unit * largest(of) + unit * Math.sqrt(depth) + weights;
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 0, max: 110 }),
  inputs: fc.integer({ min: 1, max: 70 }),
  outputs: fc.uniqueArray(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 3 }),
  density: fc.constantFrom(0, 0.02, 0.5, 1),
  dtype: fc.constantFrom<DType>('float64', 'float32', 'bfloat16'),
});

test('layers of which single values change equal their definition, with all gradients', (t) => {
  fc.assert(
    fc.property(anyCase, (c) =>
      scope(() => {
        const [leaves, seeds] = [leavesOf(c), seedsOf(c)];
        const got = run((...all) => group(c, all), leaves, seeds);
        const exact = run((...all) => definition(c, all), leaves.map(wide), seeds.map(wide));
        return isNear(got, exact, (of) => tolerance(c, of));
      }),
    ),
    { numRuns: 60 },
  );
  t.pass();
});

const ofBlock: Case = {
  ...{ rows: 300, inputs: 576, outputs: [576, 192, 1536], density: 0.05, dtype: 'bfloat16' },
};

testOfProcessor('the same bits for any number of threads', (t) => {
  scope(() => {
    const [one, ...others] = bytesByThreads([1, 2, 5], () =>
      run((...all) => group(ofBlock, all), leavesOf(ofBlock), seedsOf(ofBlock)),
    );
    for (const other of others) t.deepEqual(other, one);
  });
});

test('a normed and a gated input are made again for the gradient of the values', (t) => {
  scope(() => {
    const c: Case = { ...ofBlock, rows: 20, inputs: 48, outputs: [40], dtype: 'float64' };
    const places = placesOf(c, 40);
    const [x, W, v] = leavesOf(c) as [Tensor, Tensor, Tensor];
    const norm = draw('norm', [48], 'float64');
    const gate = draw('gate', [20, 48], 'float64');
    const seeds = seedsOf(c);
    const near = (found: ReturnType<typeof run>, wanted: ReturnType<typeof run>) =>
      t.true(isNear(found, wanted, () => 1e-11));
    near(
      run(
        (x, v) =>
          ops.normLinearGroup(x as Tensor, norm, 1e-5, 0, [W], [], [places], [v as Tensor], [1]),
        [x, v],
        seeds,
      ),
      run(
        (x, v) =>
          ops.loraLinear(ops.rmsNorm(x as Tensor, norm, 1e-5, 0), W, null, places, v as Tensor, 1),
        [x, v],
        seeds,
      ),
    );
    near(
      run(
        (x, v) => ops.swigluLinear(gate, x as Tensor, 0, W, null, [places], [v as Tensor], [1]),
        [x, v],
        seeds,
      ),
      run(
        (x, v) => ops.loraLinear(ops.swiglu(gate, x as Tensor, 0), W, null, places, v as Tensor, 1),
        [x, v],
        seeds,
      ),
    );
  });
});

test('single values of a quantised weight change in a copy, and its bytes stay', (t) => {
  scope(() => {
    for (const [name, format] of Object.entries(formats)) {
      for (const dtype of ['float32', 'bfloat16'] as const) {
        const c: Case = { rows: 70, inputs: 64, outputs: [96], density: 0.1, dtype };
        const [x, W, v] = leavesOf(c) as [Tensor, Tensor, Tensor];
        const packed = ops.quantizeWeight(W, format, 32);
        const before = toBytes(packed);
        const through = (weight: Tensor) =>
          run((x, v) => group(c, [x as Tensor, weight, v as Tensor]), [x, v], seedsOf(c));
        const [got, wanted] = [packed, ops.dequantizeWeight(packed, { dtype })].map(through) as [
          ReturnType<typeof run>,
          ReturnType<typeof run>,
        ];
        for (const [i, y] of [...got.outputs, ...got.gradients].entries()) {
          const want = [...wanted.outputs, ...wanted.gradients][i] as Tensor;
          t.is(distance(y, want), 0, `${name} ${dtype}: ${i}`);
        }
        t.deepEqual(toBytes(packed), before);
      }
    }
  });
});

test('a product at places is that of the dense one there', (t) => {
  scope(() => {
    // On a device in several parts: each of at most 2^22 values.
    for (const [rows, outputs, inputs] of [
      [5, 3, 2],
      [0, 4, 4],
      [19, 1100, 4200],
    ] as const) {
      const c: Case = { rows, inputs, outputs: [outputs], density: 0.003, dtype: 'float32' };
      const [dy, x] = [
        draw('dy', [rows, outputs], 'float32'),
        draw('x', [rows, inputs], 'float32'),
      ];
      const places = placesOf(c, outputs);
      const found = ops.sampledProduct(dy, x, places);
      const dense = ops.mm(ops.t(wide(dy)), wide(x));
      const wanted = ops.indexSelect(ops.view(dense, [-1]), 0, places);
      t.true(distance(found, wanted) <= 2e-6 * (1 + rows), `${rows} ${outputs} ${inputs}`);
    }
  });
});

test('a layer refuses values and places that do not fit', (t) => {
  scope(() => {
    const [x, weight] = [ops.zeros([4, 8]), ops.zeros([3, 8])];
    const index = (...places: number[]): Tensor => tensor(places, [places.length], 'int32');
    const refused = (a: Tensor, b: Tensor, scale: number, message: RegExp) =>
      t.throws(() => ops.loraLinear(x, weight, null, a, b, scale), { message });
    refused(
      index(1, 2),
      ops.zeros([3]),
      1,
      /b has 3 values; it must have one for each place of a: 2/,
    );
    refused(index(1), ops.zeros([1]), 2, /scale is 2; single values change by 1 times b/);
    if (hasDevice()) return;
    refused(index(1, 24), ops.zeros([2]), 1, /a\[1\] is 24; it must be from 0 to 23/);
    t.throws(() => ops.sampledProduct(ops.zeros([4, 3]), x, index(24)), {
      message: /index\[0\] is 24; it must be from 0 to 23/,
    });
  });
});
