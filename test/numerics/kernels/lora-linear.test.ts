import test from 'ava';
import fc from 'fast-check';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { bytesByThreads, distance, draw, isNear, largest, type Run, run, wide } from './compare.ts';

interface Layer {
  readonly outputs: number;
  readonly rank: number;
  readonly bias: boolean;
}

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly layers: readonly Layer[];
  readonly dtype: DType;
  readonly adapter: DType;
  readonly dropped: boolean;
}

const scales = [0.5, 2, 0.25, 1];
const spread = 0.3; // deviation of all draws but x: values of a trained model's size

/** Leaves in the order x, dropped?, then weight, a, b, bias? of each layer. */
function leavesOf(c: Case): Tensor[] {
  const all = [draw('x', [c.rows, c.inputs], c.dtype)];
  if (c.dropped) all.push(draw('dropped', [c.rows, c.inputs], c.dtype));
  c.layers.forEach((layer, i) => {
    all.push(draw(`w${i}`, [layer.outputs, c.inputs], c.dtype, spread));
    all.push(draw(`a${i}`, [layer.rank, c.inputs], c.adapter, spread));
    all.push(draw(`b${i}`, [layer.outputs, layer.rank], c.adapter, spread));
    if (layer.bias) all.push(draw(`bias${i}`, [layer.outputs], c.dtype));
  });
  return all;
}

interface Parts {
  readonly x: Tensor;
  readonly dropped: Tensor | null;
  readonly weights: Tensor[];
  readonly a: Tensor[];
  readonly b: Tensor[];
  readonly biases: (Tensor | null)[];
}

function partsOf(c: Case, leaves: readonly Tensor[]): Parts {
  const rest = [...leaves];
  const next = (): Tensor => rest.shift() as Tensor;
  const parts: Parts = {
    x: next(),
    dropped: c.dropped ? next() : null,
    ...{ weights: [], a: [], b: [], biases: [] },
  };
  for (const layer of c.layers) {
    parts.weights.push(next());
    parts.a.push(next());
    parts.b.push(next());
    parts.biases.push(layer.bias ? next() : null);
  }
  return parts;
}

function group(c: Case, leaves: readonly Tensor[]): Tensor[] {
  const { x, dropped, weights, a, b, biases } = partsOf(c, leaves);
  return ops.loraLinearGroup(x, weights, biases, a, b, scales.slice(0, a.length), dropped);
}

/** The definition, in operators of libtorch. */
function definition(c: Case, leaves: readonly Tensor[]): Tensor[] {
  const { x, dropped, weights, a, b, biases } = partsOf(c, leaves);
  return weights.map((weight, i) => {
    const low = ops.matmul(dropped ?? x, ops.t(a[i] as Tensor));
    const delta = ops.mulScalar(ops.matmul(low, ops.t(b[i] as Tensor)), scales[i] as number);
    const y = ops.add(ops.matmul(x, ops.t(weight)), delta);
    const bias = biases[i];
    return bias ? ops.add(y, bias) : y;
  });
}

function seedsOf(c: Case): Tensor[] {
  return c.layers.map((layer, i) => draw(`dy${i}`, [c.rows, layer.outputs], c.dtype));
}

/**
 * Sums of `depth` terms of size one or less, through an inner product of `inputs` or outputs terms;
 * each result rounded once to its own type.
 */
function tolerance(c: Case, depth: number, of: Tensor): number {
  const sum = c.dtype === 'float64' ? dtypeEpsilon('float64') : dtypeEpsilon('float32');
  const near = sum * 16 * (8 + depth) + 0.51 * dtypeEpsilon(of.dtype) * largest(of);
  if (!hasDevice() || c.dtype !== 'bfloat16') return near;
  // A GPU multiplies bfloat16 alone: adapters, and what is between them, are rounded to it, so that
  // each term is off by some of its units, without a common sign; and what an adapter adds is added
  // to a result that was rounded before.
  const unit = dtypeEpsilon('bfloat16');
  return near + unit * (4 * Math.sqrt(depth) + 0.51 * largest(of));
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

const anyLayer = fc.record({
  outputs: fc.integer({ min: 1, max: 70 }),
  rank: fc.integer({ min: 1, max: 20 }),
  bias: fc.boolean(),
});
const anyCase: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 0, max: 110 }),
  inputs: fc.integer({ min: 1, max: 70 }),
  layers: fc.array(anyLayer, { minLength: 1, maxLength: 4 }),
  dtype: fc.constantFrom<DType>('float64', 'float32', 'bfloat16'),
  adapter: fc.constantFrom<DType>('float32', 'bfloat16'),
  dropped: fc.boolean(),
});

test('a group of adapted layers equals its definition, with all gradients, any size and type', (t) => {
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
    { outputs: 576, rank: 16, bias: false },
    { outputs: 192, rank: 16, bias: true },
    { outputs: 192, rank: 8, bias: false },
  ],
  dtype: 'float32',
  adapter: 'float32',
  dropped: false,
};

for (const dtype of ['float32', 'bfloat16'] as const) {
  test(`q, k and v of a small model equal their definition: ${dtype}`, (t) => {
    t.true(agrees({ ...block, dtype }));
  });

  testOfProcessor(`a group gives the bits of its layers one by one: ${dtype}`, (t) => {
    scope(() => {
      const c = { ...block, dtype, adapter: dtype };
      const { x, weights, a, b, biases } = partsOf(c, leavesOf(c));
      group(c, leavesOf(c)).forEach((y, i) => {
        const [w, low, high] = [weights[i], a[i], b[i]] as [Tensor, Tensor, Tensor];
        const one = ops.loraLinear(x, w, biases[i] ?? null, low, high, scales[i] as number);
        t.deepEqual(toBytes(one), toBytes(y));
      });
    });
  });

  test(`adapters whose second matrix is zero leave the layer as it was: ${dtype}`, (t) => {
    scope(() => {
      const c = { ...block, dtype, adapter: 'float32' as const };
      const { x, weights, a, b, biases } = partsOf(c, leavesOf(c));
      const zero = b.map((one) => ops.zerosLike(one));
      const adapted = ops.loraLinearGroup(x, weights, biases, a, zero, scales.slice(0, 3));
      const plain = ops.linearGroup(x, weights, biases);
      const apart = weights.map((w, i) => ops.linear(x, w, biases[i] ?? null));
      adapted.forEach((y, i) => {
        t.deepEqual(toBytes(y), toBytes(plain[i] as Tensor));
        t.deepEqual(toBytes(y), toBytes(apart[i] as Tensor));
      });
    });
  });
}

testOfProcessor('a group of adapted layers gives the same bits for any number of threads', (t) => {
  scope(() => {
    const c = { ...block, dtype: 'bfloat16' as const };
    const [one, ...others] = bytesByThreads(
      [1, 2, 5],
      (): Run => run((...all) => group(c, all), leavesOf(c), seedsOf(c)),
    );
    for (const other of others) t.deepEqual(other, one);
  });
});

test('an output that nothing uses costs its adapter no gradient and changes no other', (t) => {
  scope(() =>
    withTape(() => {
      const leaves = leavesOf(block).map(leaf);
      const parts = partsOf(block, leaves);
      const [dq] = seedsOf(block) as [Tensor];
      const all = group(block, leaves);
      const [dx, da, unused] = grad(
        all.slice(0, 1),
        [parts.x, parts.a[0] as Tensor, parts.a[2] as Tensor],
        [dq],
      );
      const alone = { ...block, layers: block.layers.slice(0, 1) };
      const few = leavesOf(alone).map(leaf);
      const own = partsOf(alone, few);
      const [dx1, da1] = grad(group(alone, few), [own.x, own.a[0] as Tensor], [dq]);
      t.deepEqual(toBytes(dx as Tensor), toBytes(dx1 as Tensor));
      t.deepEqual(toBytes(da as Tensor), toBytes(da1 as Tensor));
      t.is(unused, null);
    }),
  );
});

/** Whether the tape kept x: it refuses to go back once what it kept was overwritten. */
function keepsInput(trained: 'a' | 'weight' | 'nothing'): boolean {
  return scope(() =>
    withTape(() => {
      const x = leaf(draw('x', [20, 12], 'float32'));
      const inner = ops.mulScalar(x, 2);
      const own = (t: Tensor, name: string): Tensor => (trained === name ? leaf(t) : t);
      const weight = own(draw('w', [9, 12], 'float32'), 'weight');
      const a = own(draw('a', [4, 12], 'float32'), 'a');
      const y = ops.loraLinear(inner, weight, null, a, draw('b', [9, 4], 'float32'), 1);
      ops.zero_(ops.detach(inner));
      try {
        grad([y], [x], [ops.onesLike(y)]);
        return false;
      } catch {
        return true;
      }
    }),
  );
}

test('the input is kept for the backward only where a or the weight is trained', (t) => {
  t.true(keepsInput('a'));
  t.true(keepsInput('weight'));
  t.false(keepsInput('nothing'));
});

test('a group refuses adapters that do not fit, with the shapes', (t) => {
  scope(() => {
    const zeros = (...shape: number[]): Tensor => ops.zeros(shape);
    t.throws(() => ops.loraLinear(zeros(4, 8), zeros(3, 8), null, zeros(2, 7), zeros(3, 2), 1), {
      message: /a has the shape \[2, 7\]; it must be \[rank, 8\]/,
    });
    t.throws(() => ops.loraLinear(zeros(4, 8), zeros(3, 8), null, zeros(2, 8), zeros(3, 4), 1), {
      message: /b has the shape \[3, 4\]; it must be \[3, 2\]/,
    });
    t.throws(() => ops.linearGroup(zeros(4, 8), [], []), { message: /weights is empty/ });
  });
});

test('gradients of float32 weights keep the sums of bfloat16 products', (t) => {
  scope(() => {
    const [x, dy] = [draw('x', [96, 24], 'bfloat16'), draw('dy', [96, 40], 'bfloat16')];
    const weight = draw('w', [40, 24], 'float32');
    const exact = ops.matmul(ops.t(wide(dy)), wide(x));
    const through = run((a, w) => ops.linear(a as Tensor, w as Tensor), [x, weight], [dy]);
    const added = ops.linearDw_(ops.zeros([40, 24]), dy, x, { alpha: 2 });
    const bound = 96 * dtypeEpsilon('float32') * largest(exact);
    t.true(distance(through.gradients[1] as Tensor, exact) < bound);
    t.true(distance(added, ops.mulScalar(exact, 2)) < 2 * bound);
  });
});
