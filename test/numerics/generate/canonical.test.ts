// IC-6: one vector for all factors of one change.
import test from 'ava';
import { canonical } from '../../../worker/generate/canonical.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor } from '../../../worker/tensor/tensor.ts';

const random = (name: string, shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(5, 'canonical', name), 'float64');

function gap(a: Tensor, b: Tensor): number {
  return item(ops.amax(ops.abs(ops.sub(a, b))));
}

// A hundred times the rounding of float64 at the size of the entries, by the condition of Q and by
// the gaps between singular values, both below some 1e3 here.
const bound = 1e-10;

for (const [rank, out, inputs] of [
  [1, 9, 5],
  [4, 24, 16],
  [8, 12, 40],
] as const) {
  test(`(B Q, Q^-1 A) and (B, A) of rank ${rank} have the same factors`, (t) => {
    scope(() => {
      const [A, B] = [random(`A${rank}`, [rank, inputs]), random(`B${rank}`, [out, rank])];
      const Q = random(`Q${rank}`, [rank, rank]);
      const [q, r] = ops.linalgQr(Q);
      const inverse = ops.linalgSolveTriangular(r, ops.t(q), { upper: true });
      const one = canonical({ A, B }, 0.5);
      const other = canonical({ A: ops.mm(inverse, A), B: ops.mm(B, Q) }, 0.5);
      t.true(gap(one.A, other.A) < bound, `${gap(one.A, other.A)}`);
      t.true(gap(one.B, other.B) < bound, `${gap(one.B, other.B)}`);
      const change = ops.mulScalar(ops.mm(B, A), 0.5);
      t.true(gap(ops.mm(one.B, one.A), change) < bound, 'it is the same change');
      const flipped = canonical({ A: ops.neg(A), B: ops.neg(B) }, 0.5);
      t.true(gap(one.A, flipped.A) < bound && gap(one.B, flipped.B) < bound, 'signs');
      const scaled = canonical({ A: ops.mulScalar(A, 1e3), B: ops.mulScalar(B, 1e-3) }, 0.5);
      t.true(gap(one.A, scaled.A) < bound && gap(one.B, scaled.B) < bound, 'sizes');
      t.true(gap(one.A, A) > 0.1, 'and not that of the factors');
    });
  });
}

test('a rank that a layer is too small to have, and no change at all, stay finite', (t) => {
  scope(() => {
    const [A, B] = [random('thin A', [6, 4]), random('thin B', [9, 6])];
    const made = canonical({ A, B }, 1);
    t.deepEqual([made.A.shape, made.B.shape], [A.shape, B.shape]);
    t.true(gap(ops.mm(made.B, made.A), ops.mm(B, A)) < bound);
    const none = canonical({ A, B: ops.zeros([9, 6], { dtype: 'float64' }) }, 1);
    t.is(item(ops.amax(ops.abs(ops.mm(none.B, none.A)))), 0);
    t.is(item(ops.all(ops.isfinite(none.A))), 1);
  });
});
