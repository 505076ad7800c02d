// Channels of a linear layer's inputs that are divided by factors, and columns of its weight that
// are multiplied by them: the same outputs.
//   x W^T = (x / f) (W f)^T
// The division costs nothing where it is folded into what makes the inputs: the gain of an RMSNorm,
// or the rows of a layer that enters linearly (up before down, v before o).
//
// SmoothQuant (Xiao et al. 2023), with exponents for both sides as in SVDQuant (Li et al. 2024):
//   f_j = max|X_j|^a / max|W_j|^(1 - a)
// RepQuant (Li et al. 2024) makes codes of channels that have scales of their own those of one
// scale for all, by factors in the norm. Of an RMSNorm, which has no bias, zero points stay 0, and
// the factors are those of a = 1.
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Of a matrix `[O, I]`; null: ones. */
export interface Rescaling {
  /** What columns are multiplied by: `[I]`. */
  readonly columns: Tensor | null;
  /** What rows are divided by: `[O]`. */
  readonly rows: Tensor | null;
}

/**
 * For the largest magnitudes of channels and of columns, `[I]`; 1 where one of both is zero. Their
 * geometric mean is 1, so that values stay in the range of their type.
 */
export function smoothingFactors(inputs: Tensor, weights: Tensor, alpha: number): Tensor {
  return scope(() => {
    const used = ops.mul(ops.gtScalar(inputs, 0), ops.gtScalar(weights, 0));
    const log = ops.sub(
      ops.mulScalar(ops.log(ops.clamp(inputs, least)), alpha),
      ops.mulScalar(ops.log(ops.clamp(weights, least)), 1 - alpha),
    );
    const wide = ops.to(used, log.dtype);
    const count = ops.clamp(ops.sum(wide), 1);
    const mean = ops.div(ops.sum(ops.mul(log, wide)), count);
    return ops.exp(ops.mul(ops.sub(log, mean), wide));
  });
}

/** Logarithms of zeros are left out, but must be finite. */
const least = 1e-30;

/** `W columns / rows`, in the type of `weight`. */
export function rescaled(weight: Tensor, { columns, rows }: Rescaling): Tensor {
  return scope(() => {
    const wide = columns === null ? weight : ops.mul(weight, columns);
    return rows === null ? wide : ops.div(wide, ops.unsqueeze(rows, 1));
  });
}

/** The Gram matrix of inputs that were divided by `columns`. */
export function rescaledGram(gram: Tensor, columns: Tensor | null): Tensor {
  if (columns === null) return gram;
  return scope(() => ops.div(ops.div(gram, columns), ops.unsqueeze(columns, 1)));
}

interface FoldedNorm {
  /** In the type of the norm. */
  readonly norm: Tensor;
  /** What the outputs of the norm are divided by, to the last bit of float32. */
  readonly factors: Tensor;
}

/**
 * The norm whose outputs are divided by `factors`. What it is off by, because it is stored in the
 * type of the norm, is in the factors that it gives. `offset`: 1 where a norm is stored less 1.
 */
export function foldedNorm(norm: Tensor, factors: Tensor, offset: 0 | 1): FoldedNorm {
  return scope(() => {
    const wide = exactType(norm.dtype);
    const gain = ops.addScalar(ops.to(norm, wide), offset);
    const divided = ops.to(ops.addScalar(ops.div(gain, factors), -offset), norm.dtype);
    const stored = ops.addScalar(ops.to(divided, wide), offset);
    // A gain of zero, or one that would become zero, stays.
    const isUsed = ops.mul(ops.neScalar(gain, 0), ops.neScalar(stored, 0));
    return {
      norm: ops.where(isUsed, divided, norm),
      factors: ops.where(isUsed, ops.div(gain, stored), ops.onesLike(gain)),
    };
  });
}

/** Query heads, heads of keys and values, and their size. */
export interface Heads {
  readonly NH: number;
  readonly NK: number;
  readonly D: number;
}

/** The largest of the channels `[NH D]` that read the same channel of v: `[NK D]`. */
export function largestOfHeads(channels: Tensor, { NH, NK, D }: Heads): Tensor {
  return scope(() => ops.view(ops.amax(ops.view(channels, [NK, NH / NK, D]), [1]), [NK * D]));
}

/** Factors of v `[NK D]` for the channels that read them: `[NH D]`. */
export function spreadToHeads(factors: Tensor, { NH, NK, D }: Heads): Tensor {
  return scope(() => {
    const heads = ops.expand(ops.view(factors, [NK, 1, D]), [NK, NH / NK, D]);
    return ops.view(ops.contiguous(heads), [NH * D]);
  });
}
