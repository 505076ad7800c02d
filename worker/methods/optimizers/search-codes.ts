// The V step of PV-Tuning (Malinovskii et al. 2024): searches new codes for a reference matrix, in
// the few groups where the decoded matrix is farthest from it.
//
//   delta[o, j] = |B[o, j] - s_o sum_k C_k[code]|²        n = ceil(tau · groups)
//   S = the n groups with the largest delta, largest first
//   codes of S ← beam search for B[o, j] / s_o, starting at the present codes
//   with a trust ratio: as many of the changes, in that order, as keep |W' - W| <= trust · |W|,
//   and at least the first
//
// The error never grows: a search keeps its initial codes unless others are strictly nearer. Scores
// are float32.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { drawsOf, type Stream } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type CodebookMatrix, decodeCodebook, nearestCodes, sumsOf } from '../weights/codebook.ts';

export interface SearchLimits {
  /** tau: fraction of the groups whose codes may change. */
  readonly maxChange: number;
  /** Limit of the change, as a fraction of the norm of the matrix; null: no limit. */
  readonly trustRatio: number | null;
  readonly beam: number;
}

/**
 * Updates codes in place for a reference `[O, J g]` in the type of the codebooks; returns how many
 * groups changed, an int64 scalar.
 */
export function searchCodes(
  matrix: CodebookMatrix,
  reference: Tensor,
  limits: SearchLimits,
  stream: Stream,
): Tensor {
  return scope(() => {
    const { codes, codebooks } = matrix;
    const [outputs = 0, groups = 0, count = 0] = codes.shape;
    const size = codebooks.shape[2] ?? 1;
    const flat = ops.view(codes, [-1, count]);
    const chosen = farthest(matrix, reference, limits.maxChange);
    const scales = ops.unsqueeze(
      ops.indexSelect(
        matrix.scales,
        0,
        ops.divScalarMode(chosen, groups, { roundingMode: 'floor' }),
      ),
      1,
    );
    const wanted = ops.indexSelect(ops.view(reference, [outputs * groups, size]), 0, chosen);
    const before = ops.indexSelect(flat, 0, chosen);
    const order = shuffled(count, stream);
    const found = nearestCodes(ops.div(wanted, scales), codebooks, before, {
      order,
      beam: limits.beam,
    });
    const changes = ops.gtScalar(ops.sumDim(ops.to(ops.ne(found, before), 'int64'), [1]), 0);
    const kept =
      limits.trustRatio === null
        ? changes
        : trusted(matrix, { before, found, scales, changes }, limits.trustRatio);
    const next = ops.where(ops.unsqueeze(kept, 1), found, before);
    ops.indexCopy_(flat, 0, chosen, next);
    return ops.sum(ops.to(kept, 'int64'));
  });
}

/** Indices of the groups where the reference is farthest from the decoded matrix, in that order. */
function farthest(matrix: CodebookMatrix, reference: Tensor, share: number): Tensor {
  return scope(() => {
    const { codes, codebooks } = matrix;
    const all = (codes.shape[0] ?? 0) * (codes.shape[1] ?? 0);
    const count = Math.max(1, Math.min(all, Math.ceil(share * all)));
    const gap = ops.sub_(decodeCodebook(matrix, reference.dtype), reference);
    const grouped = ops.view(gap, [all, codebooks.shape[2] ?? 1]);
    const [, indices] = ops.topk(ops.sumDim(ops.mul_(grouped, grouped), [1]), count);
    return indices;
  });
}

interface Changes {
  readonly before: Tensor;
  readonly found: Tensor;
  readonly scales: Tensor;
  /** 1 for groups whose codes change. */
  readonly changes: Tensor;
}

/**
 * The first changes that together move the matrix no further than its norm allows, and at least
 * one. Sums are of whole numbers, in units of a 2^32th of the limit: a running sum of floating
 * numbers depends on the order in which a device adds.
 */
function trusted(
  matrix: CodebookMatrix,
  { before, found, scales, changes }: Changes,
  ratio: number,
) {
  const { codebooks } = matrix;
  const whole = decodeCodebook(matrix, codebooks.dtype);
  const norm = ops.linalgVectorNorm(whole, 2, null, false, { dtype: 'float64' });
  const delta = ops.mul(ops.sub(sumsOf(found, codebooks), sumsOf(before, codebooks)), scales);
  const squares = ops.to(ops.sumDim(ops.mul(delta, delta), [1]), 'float64');
  const limit = ops.square(ops.mulScalar(norm, ratio));
  // A matrix of zeros has no limit to be a part of: nothing but the first change is within it.
  const parts = ops.div(squares, ops.clamp(limit, 1e-300));
  const units = ops.clamp(ops.mulScalar(parts, trustUnits), 0, 2 * trustUnits);
  const within = ops.leScalar(ops.cumsum(ops.to(ops.ceil(units), 'int64'), 0), trustUnits);
  const isFirst = ops.eqScalar(ops.cumsum(ops.to(changes, 'int64'), 0), 1);
  return ops.logicalAnd(changes, ops.logicalOr(within, isFirst));
}

/** Of the limit of a change. At most 2^30 changes add to less than 2^63. */
const trustUnits = 2 ** 32;

/** In which order codebooks are visited; the same again for the same stream. */
function shuffled(count: number, stream: Stream): readonly number[] {
  const draws = drawsOf(stream);
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = draws.below(last + 1);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
