// The factors that adapters begin with, against the definitions of the decompositions.
import test from 'ava';
import { triangularFactors } from '../../../../worker/methods/adapters/loldu.ts';
import { singularFactors } from '../../../../worker/methods/adapters/lora-xs.ts';
import { pissa } from '../../../../worker/methods/adapters/pissa.ts';
import { nf4 } from '../../../../worker/methods/weights/nf4.ts';
import { denseOf } from '../../../../worker/methods/weights/weight-store.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal, streamOf } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';

const shapes = [
  [48, 20],
  [20, 48],
  [24, 24],
] as const;

/** Singular values that fall, as those of a trained weight do. */
function weight(shape: readonly number[]): Tensor {
  const [U, S, V] = ops.linalgSvd(normal(shape, 1, streamOf(3, 'weight'), 'float64'), false);
  const fallen = ops.mul(S, ops.exp(ops.mulScalar(S, -0.3)));
  return ops.mm(ops.mul(U, fallen), V);
}

const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));

test('singular factors: A is orthonormal, and B A the best approximation of its rank, nearly', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const { A, B } = singularFactors(W, 5);
      const gram = ops.sub(ops.mm(A, ops.t(A)), ops.eye(5, { dtype: 'float64' }));
      t.true(norm(gram) < 1e-9, `${shape}: ${norm(gram)}`);
      const [U, S, V] = ops.linalgSvd(W, false);
      const best = ops.mm(
        ops.mul(ops.narrow(U, 1, 0, 5), ops.narrow(S, 0, 0, 5)),
        ops.narrow(V, 0, 0, 5),
      );
      const [left, least] = [norm(ops.sub(W, ops.mm(B, A))), norm(ops.sub(W, best))];
      t.true(left <= 1.02 * least, `${shape}: ${left} left, ${least} at least`);
    });
  }
});

test('triangular factors: all components give the weight again, and unused ones are zeros', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const { L, D, U } = triangularFactors(W, Math.min(...shape));
      const product = ops.mm(ops.mul(L, D), U);
      t.true(norm(ops.sub(product, W)) < 1e-10 * norm(W), `${shape}`);
      const part = triangularFactors(W, 7);
      t.deepEqual([part.L.shape, part.D.shape, part.U.shape], [[shape[0], 7], [7], [7, shape[1]]]);
    });
  }
  scope(() => {
    // Of rank 3: later pivots are rounding errors.
    const thin = ops.mm(
      normal([16, 3], 1, streamOf(1, 'a'), 'float64'),
      normal([3, 12], 1, streamOf(1, 'b'), 'float64'),
    );
    const { L, D, U } = triangularFactors(thin, 12);
    t.is(item(ops.sum(ops.to(ops.ne(D, ops.zerosLike(D)), 'int64'))), 3);
    t.true(norm(ops.sub(ops.mm(ops.mul(L, D), U), thin)) < 1e-10 * norm(thin));
  });
});

const model = { L: 1, NH: 1, NK: 1, D: 1, I: 1 };

/** What PiSSA takes over from a weight, at a scale of 2. */
function principal(W: Tensor, rank: number, directions: 'Exact' | 'Sketched') {
  const adapter = pissa({
    ...{ rank, alpha: 2 * rank, dropout: 0, targets: () => true, seed: 1n, dtype: 'float64' },
    directions,
  });
  const [out = 0, inputs = 0] = W.shape;
  const layer = { path: 'q_proj', layer: 0, out, in: inputs, model };
  const found = adapter.decompose?.(layer, W) ?? {};
  const part = adapter.takesOver?.(layer, (suffix) => found[suffix]!);
  if (part === undefined) throw new Error('PiSSA takes over nothing');
  const { left, right, scale } = part;
  return { left, right, scale, rest: ops.sub(W, ops.mm(left, right), { alpha: scale }) };
}

test('PiSSA takes over the best approximation of its rank, balanced between both factors', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const [, S] = ops.linalgSvd(W, false);
      const sizes = toArray(S);
      const { left, right, scale, rest } = principal(W, 5, 'Exact');
      t.is(scale, 2);
      // What is left has the other singular values.
      const after = toArray(ops.linalgSvd(rest, false)[1]);
      const others = [...sizes.slice(5), 0, 0, 0, 0, 0];
      for (const [i, size] of after.entries()) {
        t.true(Math.abs(size - (others[i] ?? 1)) < 1e-7 * (sizes[0] ?? 0), `${shape} ${i}`);
      }
      const expected = ops.diagonal(ops.eye(5, { dtype: 'float64' }));
      const share = ops.mul(expected, ops.divScalar(ops.narrow(S, 0, 0, 5), 2));
      for (const gram of [ops.mm(right, ops.t(right)), ops.mm(ops.t(left), left)]) {
        const gap = norm(ops.sub(gram, ops.mul(ops.eye(5, { dtype: 'float64' }), share)));
        t.true(gap < 1e-7 * (sizes[0] ?? 0), `${shape}: ${gap}`);
      }
      const sketched = principal(W, 5, 'Sketched');
      t.true(norm(sketched.rest) <= 1.02 * norm(rest), `${shape}`);
    });
  }
});

test('PiSSA: a weight is nearer to its factors and what is left in 4 bits than to itself in 4 bits', (t) => {
  scope(() => {
    const [U, , V] = ops.linalgSvd(normal([96, 64], 1, streamOf(4, 'w'), 'float32'), false);
    const falling = ops.exp(ops.mulScalar(ops.arange(0, 64, 1, { dtype: 'float32' }), -0.1));
    const W = ops.mm(ops.mul(U, falling), V);
    const { quantize } = nf4({ blockSize: 32, scales: 'Float32' });
    const inFour = (matrix: Tensor) => denseOf(quantize!(ops.contiguous(matrix)));
    const { rest } = principal(W, 16, 'Exact');
    const [whole, reduced] = [W, rest].map((matrix) => norm(ops.sub(inFour(matrix), matrix)));
    t.true((reduced ?? 1) < 0.7 * (whole ?? 0), `${reduced} of ${whole}`);
  });
});
