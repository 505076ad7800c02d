// Linear layers with an index in place of A or B: chosen columns or rows of a frozen weight change.
import test from 'ava';
import fc from 'fast-check';
import { formats } from '../../../worker/methods/weights/weight-store.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { type DType, dtypeBytes, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { choose, streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { bytesByThreads, distance, draw, isNear, largest, type Run, run, wide } from './compare.ts';

type Form = 'none' | 'product' | 'columns' | 'rows';

interface Layer {
  readonly outputs: number;
  readonly rank: number;
  readonly form: Form;
}

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly layers: readonly Layer[];
  readonly dtype: DType;
  readonly adapter: DType;
}

const scales = [0.5, 2, 0.25, 1];
const spread = 0.3;

const isForm = (form: Form, ...forms: readonly Form[]): boolean => forms.includes(form);

function indexOf({ inputs }: Case, { form, outputs, rank }: Layer, i: number): Tensor {
  const of = form === 'columns' ? inputs : outputs;
  const count = Math.min(rank, of);
  return tensor(choose(count, of, streamOf(3, 'index', i)), [count], 'int32');
}

/** x, then weight, A and B of each layer, as far as they have values. */
function leavesOf(c: Case): Tensor[] {
  const all = [draw('x', [c.rows, c.inputs], c.dtype)];
  c.layers.forEach((layer, i) => {
    const { outputs, form } = layer;
    const rank = isForm(form, 'columns', 'rows') ? indexOf(c, layer, i).numel : layer.rank;
    all.push(draw(`w${i}`, [outputs, c.inputs], c.dtype, spread));
    if (isForm(form, 'product', 'rows'))
      all.push(draw(`a${i}`, [rank, c.inputs], c.adapter, spread));
    if (isForm(form, 'product', 'columns')) {
      all.push(draw(`b${i}`, [outputs, rank], c.adapter, spread));
    }
  });
  return all;
}

interface Part {
  readonly weight: Tensor;
  readonly a: Tensor | null;
  readonly b: Tensor | null;
}

function partsOf(c: Case, [x, ...rest]: readonly Tensor[]): { x: Tensor; parts: readonly Part[] } {
  const left = [...rest];
  const next = (): Tensor => left.shift() as Tensor;
  const parts = c.layers.map((layer, i) => {
    const { form } = layer;
    const weight = next();
    if (form === 'none') return { weight, a: null, b: null };
    const a = form === 'columns' ? indexOf(c, layer, i) : next();
    return { weight, a, b: form === 'rows' ? indexOf(c, layer, i) : next() };
  });
  return { x: x as Tensor, parts };
}

function group(c: Case, leaves: readonly Tensor[]): Tensor[] {
  const { x, parts } = partsOf(c, leaves);
  return ops.loraLinearGroup(
    x,
    parts.map(({ weight }) => weight),
    [],
    parts.map(({ a }) => a),
    parts.map(({ b }) => b),
    scales.slice(0, parts.length),
  );
}

/** The definition, in operators of libtorch. */
function definition(c: Case, leaves: readonly Tensor[]): Tensor[] {
  const { x, parts } = partsOf(c, leaves);
  return parts.map(({ weight, a, b }, i) => {
    const y = ops.matmul(x, ops.t(weight));
    if (a === null || b === null) return y;
    const scale = scales[i] as number;
    switch (c.layers[i]?.form) {
      case 'columns':
        return ops.add(y, ops.mulScalar(ops.matmul(ops.indexSelect(x, 1, a), ops.t(b)), scale));
      case 'rows': {
        const change = ops.mulScalar(ops.matmul(x, ops.t(a)), scale);
        return ops.add(y, ops.indexAdd_(ops.zerosLike(y), 1, b, change));
      }
      default:
        return ops.add(y, ops.mulScalar(ops.matmul(ops.matmul(x, ops.t(a)), ops.t(b)), scale));
    }
  });
}

function seedsOf(c: Case): Tensor[] {
  return c.layers.map((layer, i) => draw(`dy${i}`, [c.rows, layer.outputs], c.dtype));
}

/**
 * As in lora-linear.test.ts; at chosen places a second rounding, of what the first has made before
 * the change is added to it.
 */
function tolerance(c: Case, depth: number, of: Tensor): number {
  const sum = dtypeEpsilon(c.dtype === 'float64' ? 'float64' : 'float32');
  const unit = dtypeEpsilon(of.dtype);
  const near = sum * 16 * (8 + depth) + 1.02 * unit * largest(of) + unit * Math.sqrt(depth);
  if (!hasDevice() || c.dtype !== 'bfloat16') return near;
  return near + dtypeEpsilon('bfloat16') * (4 * Math.sqrt(depth) + 0.51 * largest(of));
}

function agrees(c: Case): boolean {
  return scope(() => {
    const leaves = leavesOf(c);
    const seeds = seedsOf(c);
    const got = run((...all) => group(c, all), leaves, seeds);
    const exact = run((...all) => definition(c, all), leaves.map(wide), seeds.map(wide));
    const depth =
      c.rows + c.inputs + c.layers.reduce((n, { outputs, rank }) => n + outputs + rank, 0);
    return isNear(got, exact, (of) => tolerance(c, depth, of));
  });
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 0, max: 110 }),
  inputs: fc.integer({ min: 1, max: 70 }),
  layers: fc.array(
    fc.record({
      outputs: fc.integer({ min: 1, max: 70 }),
      rank: fc.integer({ min: 1, max: 20 }),
      form: fc.constantFrom<Form>('none', 'product', 'columns', 'rows'),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  dtype: fc.constantFrom<DType>('float64', 'float32', 'bfloat16'),
  adapter: fc.constantFrom<DType>('float32', 'bfloat16'),
});

test('a group of layers with unlike changes equals its definition, with all gradients', (t) => {
  fc.assert(
    fc.property(anyCase, (c) => agrees(c.dtype === 'float64' ? { ...c, adapter: 'float64' } : c)),
    { numRuns: 80 },
  );
  t.pass();
});

const block: Case = {
  rows: 300,
  inputs: 576,
  layers: [
    { outputs: 576, rank: 16, form: 'columns' },
    { outputs: 192, rank: 16, form: 'rows' },
    { outputs: 192, rank: 8, form: 'none' },
  ],
  dtype: 'float32',
  adapter: 'float32',
};

for (const dtype of ['float32', 'bfloat16'] as const) {
  test(`q, k and v of a small model equal their definition: ${dtype}`, (t) => {
    t.true(agrees({ ...block, dtype }));
  });
}

testOfProcessor(
  'a group with unlike changes gives the same bits for any number of threads',
  (t) => {
    scope(() => {
      const c = { ...block, dtype: 'bfloat16' as const };
      const [one, ...others] = bytesByThreads(
        [1, 2, 5],
        (): Run => run((...all) => group(c, all), leavesOf(c), seedsOf(c)),
      );
      for (const other of others) t.deepEqual(other, one);
    });
  },
);

test('chosen columns and rows of a quantised weight change beside it, and its bytes stay', (t) => {
  scope(() => {
    for (const [name, format] of Object.entries(formats)) {
      for (const dtype of ['float32', 'bfloat16'] as const) {
        for (const rows of [3, 140]) {
          const c: Case = {
            ...{ rows, inputs: 64, dtype, adapter: 'float32' },
            layers: [
              { outputs: 96, rank: 7, form: 'columns' },
              { outputs: 40, rank: 5, form: 'rows' },
            ],
          };
          const packed = c.layers.map(({ outputs }, i) =>
            ops.quantizeWeight(draw(`w${i}`, [outputs, 64], dtype, spread), format, 32),
          );
          const dense = packed.map((each) => ops.dequantizeWeight(each, { dtype }));
          const before = packed.map(toBytes);
          const [x, , b, , a] = leavesOf(c) as [Tensor, Tensor, Tensor, Tensor, Tensor];
          const through = (weights: readonly Tensor[]) =>
            run(
              (x, b, a) => {
                const [first, second] = weights as [Tensor, Tensor];
                return group(c, [x as Tensor, first, b as Tensor, second, a as Tensor]);
              },
              [x, b, a],
              seedsOf(c),
            );
          const [got, wanted] = [through(packed), through(dense)];
          const all = (r: Run) => [...r.outputs, ...r.gradients];
          const exact = all(wanted);
          for (const [i, y] of all(got).entries()) {
            const want = exact[i] as Tensor;
            // The same values in the same order on the processor; a device makes some rows at a
            // time.
            const allowed = dtypeEpsilon(y.dtype) * 8 * Math.max(1, largest(want));
            t.true(distance(y, want) <= allowed, `${name} ${dtype} ${rows}: ${i}`);
          }
          t.deepEqual(packed.map(toBytes), before);
        }
      }
    }
  });
});

/** Bytes that a tape keeps of what `body` has made. */
function kept(body: () => readonly Tensor[]): number {
  trimMemory(); // or a free block of nearly the wanted size is counted whole
  const before = memoryStatistics().tensorBytes;
  const outputs = scope(() => withTape(body));
  const bytes = memoryStatistics().tensorBytes - before;
  for (const y of outputs) y.dispose();
  return bytes;
}

for (const dtype of ['float32', 'bfloat16'] as const) {
  testOfProcessor(`the tape keeps the chosen columns of the input and no input: ${dtype}`, (t) => {
    scope(() => {
      const [rows, inputs, outputs, rank] = [4096, 512, 8, 32];
      const x = leaf(draw('x', [rows, inputs], dtype));
      const weight = draw('w', [outputs, inputs], dtype);
      const index = tensor(choose(rank, inputs, streamOf(1, 'index')), [rank], 'int32');
      const value = leaf(draw('v', [outputs, rank], 'float32'));
      const A = leaf(draw('a', [rank, inputs], 'float32'));
      const of = (a: Tensor) =>
        kept(() => {
          // Made inside, so that nothing but the tape holds it.
          const inner = ops.mulScalar(x, 2);
          return [ops.loraLinear(inner, weight, null, a, value, 1)];
        });
      const width = dtypeBytes(dtype);
      const output = rows * outputs * width;
      const columns = of(index) - output;
      const product = of(A) - output;
      // A heap counts its chunks.
      t.true(Math.abs(columns - rows * rank * width) < 4096, `${columns}`);
      t.true(Math.abs(product - rows * (inputs * width + rank * 4)) < 4096, `${product}`);
    });
  });
}

test('an output that nothing uses gives its change no gradient', (t) => {
  scope(() =>
    withTape(() => {
      const leaves = leavesOf(block).map(leaf);
      const [dq] = seedsOf(block) as [Tensor];
      const [dv, unused] = grad(
        group(block, leaves).slice(0, 1),
        [leaves[2] as Tensor, leaves[4] as Tensor],
        [dq],
      );
      t.true(largest(dv as Tensor) > 0);
      t.is(unused, null);
    }),
  );
});

test('a layer refuses an index that does not fit', (t) => {
  scope(() => {
    const zeros = (...shape: number[]): Tensor => ops.zeros(shape);
    const index = (...places: number[]): Tensor => tensor(places, [places.length], 'int32');
    const x = zeros(4, 8);
    const weight = zeros(3, 8);
    const refused = (a: Tensor, b: Tensor, message: RegExp, dropped: Tensor | null = null) =>
      t.throws(() => ops.loraLinear(x, weight, null, a, b, 1, dropped), { message });
    if (!hasDevice()) {
      refused(index(1, 8), zeros(3, 2), /a\[1\] is 8; it must be from 0 to 7/);
      refused(zeros(2, 8), index(0, -1), /b\[1\] is -1; it must be from 0 to 2/);
    }
    refused(index(1, 2, 3), zeros(3, 2), /b has the shape \[3, 2\]; it must be \[3, 3\]/);
    refused(zeros(2, 8), index(1), /b has 1 places; it must have one for each row of a: 2/);
    refused(index(1), index(1), /a and b are both an index/);
    refused(index(1), zeros(3, 1), /a is an index, and dropped is given/, zeros(4, 8));
    t.throws(() => ops.loraLinearGroup(x, [weight], [], [null], [zeros(3, 1)], [1]), {
      message: /a layer has one of a and b; it must have both or neither/,
    });
  });
});
