// The subspace in which a matrix's gradient is largest, and the way into it and back.
//
// O rows · I columns · N = min(O, I) · R rank · B basis [N, R], orthonormal columns
//   tall or square (O >= I):  low = G B        back(u) = u B^T
//   wide           (O <  I):  low = B^T G      back(u) = B u
//
// B holds the first R singular vectors of the smaller side. They are the eigenvectors of the Gram matrix of that side,
// G^T G or G G^T, which is a sum over the other side: ranks that hold slices of G add theirs and find the same basis, where
// an SVD of a slice finds another. Forming it squares the spread of the singular values, so it is done in float64.
// A vector is defined up to its sign; the element of the largest magnitude is made positive, so that a basis depends on G
// and not on the path of a solver.
import * as ops from '../tensor/ops.generated.ts';
import { normal, streamOf } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Shape of a gradient `[O, I]` in a subspace of rank R. */
export function lowShape([out = 0, inputs = 0]: readonly number[], rank: number): number[] {
  return out >= inputs ? [out, rank] : [rank, inputs];
}

/** `[O, I]` → `[O, R]` or `[R, I]`, in the type of both; bfloat16 ones are multiplied as they are and summed in float32. */
export function intoSubspace(gradient: Tensor, basis: Tensor): Tensor {
  const tall = isTall(gradient.shape);
  if (gradient.dtype !== 'bfloat16') {
    return tall ? ops.mm(gradient, basis) : ops.mm(ops.t(basis), gradient);
  }
  const low = ops.zeros(lowShape(gradient.shape, basis.shape[1] ?? 0), { dtype: 'float32' });
  return tall ? ops.linearDw_(low, ops.t(gradient), basis) : ops.linearDw_(low, basis, gradient);
}

/** What `intoSubspace` makes of the gradient `dy^T x`, of `dy [T, O]` and `x [T, I]`: the smaller of both is projected, and no gradient made. */
export function productInSubspace(dy: Tensor, x: Tensor, basis: Tensor): Tensor {
  const shape = [dy.shape[1] ?? 0, x.shape[1] ?? 0];
  const dtype = dy.dtype === 'float64' ? 'float64' : 'float32';
  const low = ops.zeros(lowShape(shape, basis.shape[1] ?? 0), { dtype });
  const turned = ops.t(basis);
  if (isTall(shape)) return ops.linearDw_(low, dy, ops.linear(x, turned));
  return ops.linearDw_(low, ops.linear(dy, turned), x);
}

/** Whether that is less work than the gradient and its way into the subspace. */
export function isLessInFactors(
  [out = 0, inputs = 0]: readonly number[],
  rank: number,
  tokens: number,
) {
  return tokens * rank * (out + inputs) < (tokens + rank) * out * inputs;
}

/** Adds `alpha` times what `low` is in the whole space to `into [O, I]`; beside a bfloat16 basis `low` is rounded to it. */
export function addFromSubspace_(into: Tensor, low: Tensor, basis: Tensor, alpha: number): void {
  const tall = isTall(into.shape);
  if (basis.dtype === 'bfloat16') {
    const rounded = ops.to(low, 'bfloat16');
    if (tall) ops.linearDw_(into, ops.t(rounded), ops.t(basis), { alpha });
    else ops.linearDw_(into, ops.t(basis), rounded, { alpha });
    return;
  }
  if (tall) ops.addmm_(into, low, ops.t(basis), { alpha });
  else ops.addmm_(into, basis, low, { alpha });
}

/** The basis of the `rank` largest singular values, in descending order, in the gradient's type. */
export function topSubspace(gradient: Tensor, rank: number): Tensor {
  return scope(() => {
    const [, vectors] = ops.linalgEigh(gramOf(gradient));
    const size = vectors.shape[0] ?? 0;
    const top = ops.flip(ops.narrow(vectors, 1, size - rank, rank), [1]);
    return ops.to(withSigns(top), gradient.dtype);
  });
}

/**
 * Nearly the basis of `topSubspace`, for a fraction of its work: directions drawn by the shape alone are turned towards the
 * largest ones twice (Halko, Martinsson & Tropp 2011), with eight to spare, and sorted among themselves.
 */
export function sketchedSubspace(gradient: Tensor, rank: number): Tensor {
  const smaller = Math.min(...gradient.shape);
  const drawn = Math.min(smaller, rank + spare);
  if (drawn === smaller) return topSubspace(gradient, rank);
  return scope(() => {
    const tall = isTall(gradient.shape) ? gradient : ops.t(gradient);
    const stream = streamOf(0, 'directions', smaller, drawn);
    let found = normal([smaller, drawn], 1, stream, gradient.dtype);
    for (let turn = 0; turn < turns; turn += 1) {
      [found] = ops.linalgQr(ops.mm(ops.t(tall), ops.mm(tall, found)));
    }
    const within = topSubspace(ops.mm(tall, found), rank);
    return ops.to(withSigns(ops.mm(found, within)), gradient.dtype);
  });
}

const spare = 8;
const turns = 2;

/** `[N, N]`, in float64: a sum over the larger side of the gradient, some of it at a time. */
export function gramOf(gradient: Tensor): Tensor {
  const side = isTall(gradient.shape) ? 0 : 1;
  const length = gradient.shape[side] ?? 0;
  const smaller = gradient.shape[1 - side] ?? 0;
  const sum = ops.zeros([smaller, smaller], { dtype: 'float64' });
  for (let at = 0; at < length; at += atOnce) {
    scope(() => {
      const part = ops.narrow(gradient, side, at, Math.min(atOnce, length - at));
      const exact = ops.to(part, 'float64');
      if (side === 0) ops.addmm_(sum, ops.t(exact), exact);
      else ops.addmm_(sum, exact, ops.t(exact));
    });
  }
  return sum;
}

/** Rows or columns that are widened to float64 at one time. */
const atOnce = 1024;

function withSigns(vectors: Tensor): Tensor {
  const largest = ops.argmax(ops.abs(vectors), 0, true);
  return ops.mul(vectors, ops.sign(ops.gather(vectors, 0, largest)));
}

function isTall([out = 0, inputs = 0]: readonly number[]): boolean {
  return out >= inputs;
}
