// The factors that adapters begin with, against the definitions of the decompositions.
import test from 'ava';
import { triangularFactors } from '../../../../worker/methods/adapters/loldu.ts';
import { singularFactors } from '../../../../worker/methods/adapters/lora-xs.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal, streamOf } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../../../worker/tensor/tensor.ts';

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
