// The basis of a gradient against what linear algebra promises: Eckart and Young, orthonormality,
// slices, transposes.
import test from 'ava';
import {
  addProduct_,
  fromSubspace,
  gramOf,
  intoSubspace,
  isLessInFactors,
  lowShape,
  productInSubspace,
  sketchedSubspace,
  topSubspace,
} from '../../../../worker/methods/optimizers/subspace.ts';
import type { DType } from '../../../../worker/tensor/dtype.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../../worker/tensor/threads.ts';

test.before(() => setThreads(1));

const draw = (shape: readonly number[], name: string, dtype: DType = 'float64'): Tensor =>
  normal(shape, 1, streamOf(2, 'subspace.test', name), dtype);

const norm = (x: Tensor): number => item(ops.linalgVectorNorm(ops.to(x, 'float64'), 2));
const largest = (x: Tensor): number => item(ops.to(ops.amax(ops.abs(x)), 'float64'));

/** What is left of `g` in the subspace. */
function within(g: Tensor, basis: Tensor): Tensor {
  const back = ops.zerosLike(g);
  addProduct_(back, fromSubspace(intoSubspace(g, basis), basis, g.shape), 1);
  return back;
}

const shapes = [
  [40, 12],
  [12, 40],
  [24, 24],
] as const;

test('a product gets into a subspace without being made, to the last digits, and in bfloat16 to its own', (t) => {
  scope(() => {
    for (const [out, inputs] of shapes) {
      for (const [dtype, allowed] of [
        ['float64', 1e-14],
        ['float32', 1e-6],
        ['bfloat16', 2 ** -7],
      ] as const) {
        const [dy, x] = [draw([30, out], 'dy', dtype), draw([30, inputs], 'x', dtype)];
        const exact = ops.mm(ops.t(ops.to(dy, 'float64')), ops.to(x, 'float64'));
        const basis = ops.to(topSubspace(exact, 5), dtype);
        const low = ops.to(productInSubspace(dy, x, basis), 'float64');
        const wanted = intoSubspace(exact, ops.to(basis, 'float64'));
        t.deepEqual(low.shape, lowShape([out, inputs], 5));
        t.true(
          norm(ops.sub(low, wanted)) <= allowed * norm(wanted),
          `${out} x ${inputs}, ${dtype}`,
        );
      }
    }
  });
});

test('a gradient is not made where its factors are less work', (t) => {
  t.true(isLessInFactors([1536, 576], 144, 512));
  t.true(isLessInFactors([1536, 576], 144, 100_000));
  // More than half of the side of a square: the way into the subspace is what a gradient costs
  // besides.
  t.false(isLessInFactors([576, 576], 400, 2000));
  t.true(isLessInFactors([576, 576], 400, 1000));
});

test('no subspace of its rank holds more of a gradient', (t) => {
  scope(() => {
    for (const shape of shapes) {
      for (const dtype of ['float64', 'float32'] as const) {
        const g = draw(shape, String(shape), dtype);
        const [, values] = ops.linalgSvd(ops.to(g, 'float64'), false);
        const spectrum = toArray(values);
        for (const rank of [1, 3, 12]) {
          const left = ops.sub(g, within(g, topSubspace(g, rank)));
          const best = Math.sqrt(spectrum.slice(rank).reduce((sum, s) => sum + s * s, 0));
          // Of the type of the basis, on a gradient of norm 22 to 31.
          const rounding = 31 * (dtype === 'float64' ? 1e-13 : 1e-6);
          const gap = norm(left) - best;
          t.true(Math.abs(gap) <= rounding, `${shape} ${dtype} rank ${rank}: ${gap}`);
        }
      }
    }
  });
});

test('drawn and turned directions hold nearly as much as the best, of flat spectra and of steep ones', (t) => {
  scope(() => {
    for (const shape of [
      [120, 80],
      [80, 120],
    ]) {
      for (const decay of [0, -0.1, -1]) {
        for (const dtype of ['float64', 'float32'] as const) {
          const sizes = ops.exp(ops.mulScalar(ops.arange(0, 80, 1, { dtype: 'float64' }), decay));
          const flat = draw([120, 80], 'sketch');
          const tall = ops.mul(flat, sizes);
          const g = ops.to(shape[0] === 120 ? tall : ops.contiguous(ops.t(tall)), dtype);
          for (const rank of [1, 20, 76]) {
            const left = norm(ops.sub(g, within(g, sketchedSubspace(g, rank))));
            const best = norm(ops.sub(g, within(g, topSubspace(g, rank))));
            const rounding = 1e-6 * norm(g);
            t.true(
              left <= 1.05 * best + rounding,
              `${shape} ${decay} ${dtype} ${rank}: ${left} ${best}`,
            );
          }
        }
      }
    }
    // Squares of the one are no numbers of float32, the other has none.
    for (const size of [1e-30, 1e30, 0]) {
      const g = ops.mulScalar(draw([120, 80], 'sketch', 'float32'), size);
      t.is(largest(ops.sub(sketchedSubspace(g, 20), topSubspace(g, 20))), 0);
    }
    const line = ops.mm(draw([120, 1], 'column', 'float32'), draw([1, 80], 'row', 'float32'));
    t.true(norm(ops.sub(line, within(line, sketchedSubspace(line, 20)))) <= 1e-5 * norm(line));
    const basis = sketchedSubspace(draw([120, 80], 'sketch'), 20);
    t.deepEqual(basis.shape, [80, 20]);
    t.true(
      largest(ops.sub(ops.mm(ops.t(basis), basis), ops.eye(20, { dtype: 'float64' }))) < 1e-12,
    );
    t.is(largest(ops.sub(sketchedSubspace(draw([120, 80], 'sketch'), 20), basis)), 0);
  });
});

/** Sizes at which libraries share their work out. */
const sharedOut = [
  [600, 576],
  [256, 512],
] as const;

test.serial('directions, drawn or exact, have the same bits for any number of threads', (t) => {
  scope(() => {
    for (const dtype of ['bfloat16', 'float32'] as const) {
      for (const shape of sharedOut) {
        const g = draw(shape, 'threads', dtype);
        for (const find of [sketchedSubspace, topSubspace]) {
          const found = byThreads(() => find(g, 144));
          t.deepEqual(new Set(found).size, 1, `${find.name} of ${dtype} ${shape}`);
        }
      }
    }
  });
});

test.serial('ways into a subspace and back have the same bits for any number of threads', (t) => {
  scope(() => {
    for (const shape of sharedOut) {
      const g = draw(shape, 'threads', 'float32');
      const basis = topSubspace(g, 64);
      const there = byThreads(() => intoSubspace(g, basis));
      t.is(new Set(there).size, 1, `there: ${shape}`);
      const low = intoSubspace(g, basis);
      const back = byThreads(() => {
        const into = ops.zeros(shape);
        addProduct_(into, fromSubspace(low, basis, shape), 0.5);
        return into;
      });
      t.is(new Set(back).size, 1, `back: ${shape}`);
    }
  });
});

function byThreads(make: () => Tensor): readonly string[] {
  const before = threads();
  try {
    return [1, 2, 3].map((count) => {
      setThreads(count);
      return Buffer.from(toBytes(make())).toString('base64');
    });
  } finally {
    setThreads(before);
  }
}

test('columns are orthonormal, and the element of the largest magnitude of each is positive', (t) => {
  scope(() => {
    for (const shape of shapes) {
      const basis = topSubspace(draw(shape, `o${shape}`), 5);
      t.deepEqual(basis.shape, [Math.min(...shape), 5]);
      const gap = ops.sub(ops.mm(ops.t(basis), basis), ops.eye(5, { dtype: 'float64' }));
      t.true(largest(gap) <= 1e-13);
      const columns = toArray(ops.contiguous(ops.t(basis)));
      for (let column = 0; column < 5; column += 1) {
        const size = Math.min(...shape);
        const values = columns.slice(column * size, (column + 1) * size);
        const top = values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
        t.true(top > 0);
      }
    }
  });
});

test('the sign and the size of a gradient do not change its basis, and its transpose has the same', (t) => {
  scope(() => {
    const g = draw([40, 12], 'signs');
    const basis = topSubspace(g, 4);
    for (const other of [ops.neg(g), ops.mulScalar(g, 1e-9), ops.contiguous(ops.t(g))]) {
      t.true(largest(ops.sub(topSubspace(other, 4), basis)) <= 1e-11);
    }
  });
});

test('slices of the larger side add up to the same basis', (t) => {
  scope(() => {
    for (const [shape, side] of [
      [[40, 12], 0],
      [[12, 40], 1],
    ] as const) {
      const g = draw(shape, `slices${side}`);
      const whole = gramOf(g);
      const parts = [
        [0, 7],
        [7, 20],
        [27, 13],
      ].map(([at = 0, count = 0]) => gramOf(padded(g, side, at, count)));
      const [first, second, third] = parts as [Tensor, Tensor, Tensor];
      const sum = ops.add(ops.add(first, second), third);
      t.true(largest(ops.sub(sum, whole)) <= 1e-13 * largest(whole));
    }
  });
});

/** The gradient with zeros outside of a slice, so that its larger side stays the larger. */
function padded(g: Tensor, side: 0 | 1, at: number, count: number): Tensor {
  const part = ops.zerosLike(g);
  ops.copy_(ops.narrow(part, side, at, count), ops.narrow(g, side, at, count));
  return part;
}

test('the sum of products is the same for more rows than are widened at one time', (t) => {
  scope(() => {
    const g = draw([2500, 6], 'long');
    const gap = ops.sub(gramOf(g), ops.mm(ops.t(g), g));
    t.true(largest(gap) <= 1e-13 * 2500);
    const wide = ops.contiguous(ops.t(g));
    t.true(largest(ops.sub(gramOf(wide), gramOf(g))) <= 1e-13 * 2500);
  });
});

test('of a gradient in bfloat16 it is the sum of its products, and both halves are the same', (t) => {
  scope(() => {
    for (const shape of [
      [1100, 50],
      [50, 1100],
      [40, 40],
      [9, 2],
      [3, 1],
    ]) {
      const g = draw(shape, 'pairs', 'bfloat16');
      const tall = (shape[0] ?? 0) >= (shape[1] ?? 0) ? g : ops.t(g);
      const wide = ops.to(tall, 'float64');
      const exact = ops.mm(ops.t(wide), wide);
      const sum = ops.to(gramOf(g, 'float32'), 'float64');
      t.true(largest(ops.sub(sum, exact)) <= 1e-6 * norm(exact), `${shape}`);
      t.is(largest(ops.sub(sum, ops.t(sum))), 0);
    }
  });
});

test('going in, back and in again is going in, and transposes are projected to transposes', (t) => {
  scope(() => {
    const g = draw([40, 12], 'round');
    const basis = topSubspace(draw([40, 12], 'other'), 5);
    const low = intoSubspace(g, basis);
    t.deepEqual(low.shape, lowShape([40, 12], 5));
    t.true(largest(ops.sub(intoSubspace(within(g, basis), basis), low)) <= 1e-13);
    const turned = ops.contiguous(ops.t(g));
    t.deepEqual(intoSubspace(turned, basis).shape, lowShape([12, 40], 5));
    t.true(largest(ops.sub(ops.t(intoSubspace(turned, basis)), low)) <= 1e-13);
    t.true(largest(ops.sub(ops.t(within(turned, basis)), within(g, basis))) <= 1e-13);
  });
});

test('a gradient of rank 1 lies in its first direction whole', (t) => {
  scope(() => {
    const g = ops.mm(draw([40, 1], 'column'), draw([1, 12], 'row'));
    t.true(norm(ops.sub(within(g, topSubspace(g, 1)), g)) <= 1e-13 * norm(g));
  });
});

test('a gradient of zeros has a basis all the same', (t) => {
  scope(() => {
    const basis = topSubspace(ops.zeros([8, 4], { dtype: 'float64' }), 2);
    t.true(toArray(ops.mm(ops.t(basis), basis)).every((x, i) => x === (i % 3 === 0 ? 1 : 0)));
    t.is(item(ops.sum(intoSubspace(tensor(new Array(32).fill(0), [8, 4], 'float64'), basis))), 0);
  });
});
