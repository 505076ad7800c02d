// Projection of both sides of a matrix, as the Tucker decomposition of a gradient has it.
//
//   low = L^T G R [r, r]      back(u) = L u R^T      L [O, r], R [I, r], orthonormal columns
//
// Of the two, that of the smaller side is the basis B of subspace.ts. The other one spans what G
// makes of B: it is the Q of a QR decomposition of G B (or G^T B), whose columns are the first r
// singular vectors of that side where B has those of its own. Their signs are those with which low
// has no negative value on its diagonal when the bases are chosen. Then low is a diagonal matrix,
// but for rounding; of that Adam's first update would make steps as large as all others. So what is
// below the rounding of the largest value is zero.
import { Bug } from '../../../crds/failures/errors.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';
import type { Frame } from './frame.ts';
import type { OptimizerState } from './optimizer.ts';
import { fromSubspace, intoSubspace, isTall, wideOf } from './subspace.ts';

export const twoSided: Frame = {
  lowShape: (_, rank) => [rank, rank],
  initialize: (shape, rank, dtype) => ({
    other_basis: ops.zeros([Math.max(...shape), rank], { dtype }),
  }),
  choose(gradient, basis, state) {
    scope(() => ops.copy_(otherOf(state), spanned(gradient, basis)));
  },
  into(gradient, basis, state) {
    const once = intoSubspace(gradient, basis);
    const other = ops.to(otherOf(state), once.dtype);
    return cleaned(isTall(gradient.shape) ? product(ops.t(other), once) : product(once, other));
  },
  product(dy, x, basis, state) {
    const other = ops.to(otherOf(state), dy.dtype);
    const tall = isTall([dy.shape[1] ?? 0, x.shape[1] ?? 0]);
    const [left, right] = tall ? [other, basis] : [basis, other];
    const rank = basis.shape[1] ?? 0;
    const low = ops.zeros([rank, rank], { dtype: wideOf(dy) });
    return cleaned(ops.linearDw_(low, ops.linear(dy, ops.t(left)), ops.linear(x, ops.t(right))));
  },
  from(low, basis, state, shape) {
    const other = ops.to(otherOf(state), low.dtype);
    const once = isTall(shape) ? product(other, low) : product(low, ops.t(other));
    return fromSubspace(once, basis, shape);
  },
};

function otherOf({ other_basis }: OptimizerState): Tensor {
  return other_basis ?? missing();
}

function missing(): never {
  throw new Bug('a projection of both sides has one basis');
}

/** Orthonormal columns `[M, r]` that span `G B`, of the larger side. */
function spanned(gradient: Tensor, basis: Tensor): Tensor {
  const once = intoSubspace(gradient, basis);
  const columns = isTall(gradient.shape) ? once : ops.contiguous(ops.t(once));
  const [found, upper] = byOneThread(() => ops.linalgQr(columns));
  const isNegative = ops.ltScalar(ops.diagonal(upper), 0);
  const signs = ops.rsubScalar(ops.mulScalar(ops.to(isNegative, found.dtype), 2), 1);
  return ops.mul(found, signs);
}

/** Without values that are rounding alone. */
function cleaned(low: Tensor): Tensor {
  const size = ops.abs(low);
  const least = ops.mulScalar(ops.amax(size), rounding[exactType(low.dtype)]);
  return ops.maskedFill(low, ops.lt(size, least), 0);
}

/** Of sums, relative to the largest: some units in the last place. */
const rounding = { float32: 2 ** -20, float64: 2 ** -49 } as const;

/** `a b`, the same for any number of threads. */
function product(a: Tensor, b: Tensor): Tensor {
  return ops.linear(a, ops.t(b));
}
