// Products of an adapter's own matrices and their distance from orthonormal ones, with gradients,
// beside the definition in float64; the same bits for any number of threads.
import test from 'ava';
import fc from 'fast-check';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  isNear,
  largest,
  onEachIsa,
  type Run,
  run,
  wide,
} from './compare.ts';
import { anyLayout, exactly, operand, share } from './products.ts';

const anySize = fc.integer({ min: 1, max: 70 });
const anyDepth = fc.oneof(anySize, fc.constantFrom(192, 300, 577));
const sizes = fc.record({ rows: anySize, depth: anyDepth, columns: anyDepth });
const layouts = fc.record({ a: anyLayout, b: anyLayout, dy: anyLayout });

type Layout = Parameters<typeof operand>[3]['layout'];

const timesOf = (a?: Tensor, b?: Tensor): Tensor => ops.factorProduct(a as Tensor, b as Tensor);

test('a product and its gradients are within the rounding of float32 sums, any size and layout', (t) => {
  const worst = (
    { rows, depth, columns }: { rows: number; depth: number; columns: number },
    of: { a: Layout; b: Layout; dy: Layout },
  ): number =>
    scope(() => {
      const a = operand('a', rows, depth, { dtype: 'float32', layout: of.a });
      const b = operand('b', depth, columns, { dtype: 'float32', layout: of.b });
      const dy = operand('dy', rows, columns, { dtype: 'float32', layout: of.dy });
      const exact = [
        [exactly(a, b), depth],
        [exactly(dy, ops.t(b)), columns],
        [exactly(ops.t(a), dy), rows],
      ] as const;
      const shares: number[] = [];
      onEachIsa(() => {
        const { outputs, gradients } = run(timesOf, [a, b], [dy]);
        for (const [i, got] of [...outputs, ...gradients].entries()) {
          const [{ product, magnitudes }, terms] = exact[i] ?? exact[0];
          shares.push(share(got, product, magnitudes, terms));
        }
      });
      return Math.max(...shares);
    });

  fc.assert(
    fc.property(sizes, layouts, (size, of) => worst(size, of) <= 1),
    { numRuns: 60 },
  );
  t.pass();
});

test('in float64 a product is that of libtorch, with its gradients', (t) => {
  scope(() => {
    const [a, b, dy] = [
      draw('a', [3, 5], 'float64'),
      draw('b', [5, 7], 'float64'),
      draw('dy', [3, 7], 'float64'),
    ];
    const got = run(timesOf, [a, b], [dy]);
    const exact = run((x, y) => ops.mm(x as Tensor, y as Tensor), [a, b], [dy]);
    t.true(isNear(got, exact, () => 1e-14));
  });
});

test('matrices that do not fit and two types are refused', (t) => {
  const of = (shape: readonly number[], dtype: DType = 'float32') => draw('x', shape, dtype);
  t.throws(() => ops.factorProduct(of([2, 3]), of([2, 3])), { message: /\[m, k\] and \[k, n\]/ });
  t.throws(() => ops.factorProduct(of([2, 3]), of([3, 2], 'float64')), { message: /one type/ });
  t.throws(() => ops.orthonormalDistance(of([3])), { message: /\[r, n\]/ });
  t.throws(() => ops.orthonormalDistance(of([3, 4]), of([4])), { message: /must be \[3\]/ });
});

/** By the definition, in operators with a tape. */
function defined(rows: Tensor, of: Tensor | null): Tensor {
  const unit = ops.diag(of ?? ops.ones([rows.shape[0] ?? 0], { dtype: rows.dtype }));
  return ops.linalgVectorNorm(ops.sub(ops.mm(rows, ops.t(rows)), unit));
}

for (const dtype of ['float64', 'float32'] as const) {
  test(`the distance from orthonormal rows and its gradient are those of the definition: ${dtype}`, (t) => {
    const seed = draw('dy', [], dtype);
    for (const [count, size] of [
      [1, 1],
      [3, 40],
      [16, 576],
      [64, 200],
    ] as const) {
      for (const layout of ['dense', 'transposed', 'every second'] as const) {
        for (const given of [false, true]) {
          scope(() => {
            const rows = ops.mulScalar(operand('rows', count, size, { dtype, layout }), 0.1);
            const of = given ? draw('of', [count], dtype) : null;
            const exact = run(
              (x) => defined(x as Tensor, of === null ? null : wide(of)),
              [wide(rows)],
              [wide(seed)],
            );
            onEachIsa((isa) => {
              const got = run((x) => ops.orthonormalDistance(x as Tensor, of), [rows], [seed]);
              // Sums of so many products, thrice over.
              const units = 4 * (size + count) * arithmeticEpsilon(dtype);
              const scale = (x: Tensor) => 1 + largest(x);
              const at = `${count} x ${size} ${layout} ${isa}`;
              for (const kind of ['outputs', 'gradients'] as const) {
                const [own, other] = [got[kind][0] as Tensor, exact[kind][0] as Tensor];
                t.true(distance(own, other) <= units * scale(other), `${kind} of ${at}`);
              }
            });
          });
        }
      }
    }
  });

  test(`orthonormal rows have a distance and a gradient of zeros: ${dtype}`, (t) => {
    scope(() => {
      const unit = ops.eye(9, { dtype });
      for (const rows of [ops.contiguous(ops.narrow(unit, 0, 0, 4)), ops.narrow(unit, 1, 0, 9)]) {
        const seed = ops.ones([], { dtype });
        const { outputs, gradients } = run(
          (x) => ops.orthonormalDistance(x as Tensor),
          [rows],
          [seed],
        );
        t.deepEqual(toArray(outputs[0] as Tensor), [0]);
        t.true(toArray(gradients[0] as Tensor).every((x) => x === 0));
      }
    });
  });
}

test('bits do not depend on the number of threads', (t) => {
  scope(() => {
    const [M, A] = [draw('M', [64, 64], 'float32'), draw('A', [64, 1536], 'float32')];
    const seeds = [draw('dy', [64, 1536], 'float32'), draw('d', [], 'float32')];
    const all = bytesByThreads(
      [1, 2, 3, 7],
      (): Run =>
        run(
          (m, a) => [
            ops.factorProduct(m as Tensor, a as Tensor),
            ops.orthonormalDistance(a as Tensor),
          ],
          [M, A],
          seeds,
        ),
    );
    for (const one of all.slice(1)) t.deepEqual(one, all[0]);
  });
});
