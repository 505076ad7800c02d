import test from 'ava';
import fc from 'fast-check';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, distance, draw, largest, onEachIsa, run, wide } from './compare.ts';
import {
  anyDepth,
  anyKind,
  anySize,
  anyStored,
  exactly,
  type Kind,
  operand,
  share,
  stored,
} from './products.ts';

interface Sizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

interface Kinds {
  readonly x: Kind;
  readonly weight: Kind;
  readonly dy: Kind;
}

/** The largest share of its allowance in y, dx and dW, on each instruction set. */
function worst({ rows, inputs, outputs }: Sizes, kinds: Kinds): number {
  return scope(() => {
    const x = operand('x', rows, inputs, kinds.x);
    const weight = operand('weight', outputs, inputs, kinds.weight);
    const dy = operand('dy', rows, outputs, { ...kinds.dy, dtype: kinds.x.dtype });
    const y = exactly(x, ops.t(weight));
    const dx = exactly(dy, weight);
    const dw = exactly(ops.t(dy), x);
    const shares: number[] = [];
    onEachIsa(() => {
      const got = run((a, w) => ops.linear(a as Tensor, w as Tensor), [x, weight], [dy]);
      shares.push(
        share(got.outputs[0] as Tensor, y.product, y.magnitudes, inputs),
        share(got.gradients[0] as Tensor, dx.product, dx.magnitudes, outputs),
        share(got.gradients[1] as Tensor, dw.product, dw.magnitudes, rows),
      );
    });
    return Math.max(...shares);
  });
}

test('linear and its two gradients are within the rounding of float32 sums, any size, type and layout', (t) => {
  const sizes = fc.record({ rows: anyDepth, inputs: anyDepth, outputs: anyDepth });
  const kinds = fc.record({ x: anyKind, weight: anyKind, dy: anyKind });
  fc.assert(
    fc.property(sizes, kinds, (size, kind) => worst(size, kind) <= 1),
    { numRuns: 60 },
  );
  t.pass();
});

for (const sizes of [
  { rows: 512, inputs: 576, outputs: 192 },
  { rows: 130, inputs: 1536, outputs: 576 },
  { rows: 2100, inputs: 33, outputs: 65 },
]) {
  for (const dtype of stored) {
    const title = `${sizes.rows} x ${sizes.inputs} to ${sizes.outputs}, ${dtype}`;
    test(`linear works in several blocks of rows, columns and depth: ${title}`, (t) => {
      const kind = { dtype, layout: 'dense' } as const;
      t.true(worst(sizes, { x: kind, weight: kind, dy: kind }) <= 1);
    });
  }
}

test('a handful of rows, as in decoding, gives what more rows give', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      anyDepth,
      anySize,
      anyKind,
      anyKind,
      (rows, inputs, outputs, x, w) =>
        scope(() => {
          const few = operand('x', rows, inputs, x);
          const weight = operand('weight', outputs, inputs, w);
          const bias = draw('bias', [outputs], w.dtype);
          const more = ops.cat([few, operand('more', 20, inputs, { ...x, layout: 'dense' })]);
          const many = ops.narrow(ops.linear(more, weight, bias), 0, 0, rows);
          const { product, magnitudes } = exactly(few, ops.t(weight));
          const exact = ops.add(product, wide(bias));
          const sums = ops.add(magnitudes, ops.abs(wide(bias)));
          return (
            share(ops.linear(few, weight, bias), exact, sums, inputs) <= 1 &&
            share(many, exact, sums, inputs) <= 1
          );
        }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

test('a bias is added before the one rounding, and its gradient is the sum over rows', (t) => {
  scope(() => {
    for (const dtype of stored) {
      const inputs = [
        draw('x', [2, 17, 40], dtype),
        draw('w', [31, 40], dtype),
        draw('b', [31], dtype),
      ];
      const dy = draw('dy', [2, 17, 31], dtype);
      const got = run((x, w, b) => ops.linear(x as Tensor, w as Tensor, b as Tensor), inputs, [dy]);
      t.deepEqual(got.outputs[0]?.shape, [2, 17, 31]);
      const [x, w, b] = inputs.map(wide) as [Tensor, Tensor, Tensor];
      const product = exactly(ops.reshape(x, [34, 40]), ops.t(w));
      const exact = ops.add(product.product, b);
      const magnitudes = ops.add(product.magnitudes, ops.abs(b));
      t.true(share(ops.reshape(got.outputs[0] as Tensor, [34, 31]), exact, magnitudes, 40) <= 1);
      const rows = ops.reshape(wide(dy), [34, 31]);
      const sum = ops.sumDim(rows, [0]);
      const sizes = ops.sumDim(ops.abs(rows), [0]);
      t.true(share(got.gradients[2] as Tensor, sum, sizes, 34) <= 1);
    }
  });
});

test('linear in float64 is exact to float64', (t) => {
  scope(() => {
    const x = draw('x', [19, 70], 'float64');
    const weight = draw('w', [23, 70], 'float64');
    const dy = draw('dy', [19, 23], 'float64');
    const own = run((a, w) => ops.linear(a as Tensor, w as Tensor), [x, weight], [dy]);
    const exact = run((a, w) => ops.mm(a as Tensor, ops.t(w as Tensor)), [x, weight], [dy]);
    const limit = (z: Tensor): number => 70 * 2 ** -52 * largest(z);
    own.outputs.forEach((y, i) => {
      t.true(distance(y, exact.outputs[i] as Tensor) <= limit(y));
    });
    own.gradients.forEach((g, i) => {
      t.true(distance(g, exact.gradients[i] as Tensor) <= limit(g));
    });
  });
});

test('linear gives the same bits for any number of threads', (t) => {
  scope(() => {
    for (const dtype of stored) {
      const inputs = [draw('x', [331, 300], dtype), draw('w', [210, 300], dtype)];
      const dy = draw('dy', [331, 210], dtype);
      const [one, ...others] = bytesByThreads([1, 2, 3, 7], () =>
        run((x, w) => ops.linear(x as Tensor, w as Tensor), inputs, [dy]),
      );
      for (const other of others) t.deepEqual(other, one);
    }
  });
});

test('accumulating a weight gradient adds alpha times the product to what is there', (t) => {
  fc.assert(
    fc.property(
      anySize,
      anySize,
      anyDepth,
      anyKind,
      anyStored,
      (inputs, outputs, rows, kind, dtype) =>
        scope(() => {
          const dy = operand('dy', rows, outputs, { layout: 'dense', dtype });
          const x = operand('x', rows, inputs, kind);
          const before = draw('before', [outputs, inputs], 'float32');
          const { product, magnitudes } = exactly(ops.t(dy), x);
          const exact = ops.add(wide(before), ops.mulScalar(product, 0.5));
          const sums = ops.add(ops.abs(wide(before)), magnitudes);
          // A part of a larger matrix, and one whose rows are apart.
          const [among, turned] = [ops.zeros([outputs, inputs + 3]), ops.zeros([inputs, outputs])];
          return [before, ops.narrow(among, 1, 2, inputs), ops.t(turned)].every((into) => {
            if (into !== before) ops.copy_(into, draw('before', [outputs, inputs], 'float32'));
            return share(ops.linearDw_(into, dy, x, { alpha: 0.5 }), exact, sums, rows) <= 1;
          });
        }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

/** Whether x may be overwritten after the forward: the tape refuses where it has kept x. */
function keepsInput(trained: boolean): boolean {
  return scope(() =>
    withTape(() => {
      const x = leaf(draw('x', [20, 12], 'float32'));
      const weight = draw('w', [9, 12], 'float32');
      const inner = ops.mulScalar(x, 2);
      const y = ops.linear(inner, trained ? leaf(weight) : weight);
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

test('the input is kept for the backward only where the weight is trained', (t) => {
  t.true(keepsInput(true));
  t.false(keepsInput(false));
});

test('an infinity or a NaN in one row stays in that row', (t) => {
  scope(() => {
    const x = draw('x', [12, 40], 'float32');
    ops.fill_(ops.narrow(ops.narrow(x, 0, 3, 1), 1, 5, 1), Number.NaN);
    const y = ops.linear(x, draw('w', [30, 40], 'float32'));
    const bad = toArray(ops.to(ops.isnan(y), 'float32'));
    t.deepEqual(
      bad,
      Array.from({ length: 12 * 30 }, (_, i) => (Math.floor(i / 30) === 3 ? 1 : 0)),
    );
  });
});

test('linear refuses shapes that do not fit, with the shapes', (t) => {
  scope(() => {
    const zeros = (shape: readonly number[], dtype: DType = 'float32'): Tensor =>
      ops.zeros(shape, { dtype });
    t.throws(() => ops.linear(zeros([4, 7]), zeros([3, 8])), {
      message: /x has the shape \[4, 7\]; its last dimension must be 8/,
    });
    t.throws(() => ops.linear(zeros([4, 8]), zeros([3, 8]), zeros([4])), {
      message: /bias has the shape \[4\]; it must be \[3\]/,
    });
  });
});
