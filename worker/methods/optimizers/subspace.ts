// The subspace of a matrix in which its gradient is largest, and the projections into it and back.
//
// O rows · I columns · N = min(O, I) · R rank · B basis [N, R], orthonormal columns
//   tall or square (O >= I):  low = G B        back(u) = u B^T
//   wide           (O <  I):  low = B^T G      back(u) = B u
//
// B holds the first R singular vectors of the smaller side. They are the eigenvectors of the Gram
// matrix of that side, G^T G or G G^T, which is a sum over the other side: ranks with shards of G
// add theirs and find the same basis, where an SVD of a shard would find another. The Gram matrix
// squares the spread of the singular values, so exact directions need float64. Sketched directions
// are computed in float32, which separates those above a three-thousandth of the largest; in a
// bfloat16 gradient the smaller ones are rounding errors. A vector is defined up to its sign; its
// element of the largest magnitude is made positive, so that a basis depends on G and not on the
// solver.
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { uniform } from '../../tensor/rng.ts';
import { scope } from '../../tensor/scope.ts';
import { streamOf } from '../../tensor/streams.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';
import type { ProductChange } from '../weights/affine-groups.ts';

/** Shape of a gradient `[O, I]` projected to rank R. */
export function lowShape([out = 0, inputs = 0]: readonly number[], rank: number): number[] {
  return out >= inputs ? [out, rank] : [rank, inputs];
}

/**
 * `[O, I]` → `[O, R]` or `[R, I]`, in the type of both; bfloat16 products are summed in float32.
 */
export function intoSubspace(gradient: Tensor, basis: Tensor): Tensor {
  const tall = isTall(gradient.shape);
  const dtype = wideOf(gradient);
  const low = ops.zeros(lowShape(gradient.shape, basis.shape[1] ?? 0), { dtype });
  return tall ? ops.linearDw_(low, ops.t(gradient), basis) : ops.linearDw_(low, basis, gradient);
}

/**
 * The result of `intoSubspace` for the gradient `dy^T x`, from `dy [T, O]` and `x [T, I]`: projects
 * the smaller of both, without the gradient itself.
 */
export function productInSubspace(dy: Tensor, x: Tensor, basis: Tensor): Tensor {
  const shape = [dy.shape[1] ?? 0, x.shape[1] ?? 0];
  const low = ops.zeros(lowShape(shape, basis.shape[1] ?? 0), { dtype: wideOf(dy) });
  const turned = ops.t(basis);
  if (isTall(shape)) return ops.linearDw_(low, dy, ops.linear(x, turned));
  return ops.linearDw_(low, ops.linear(dy, turned), x);
}

/** Whether `productInSubspace` is less work than the full gradient and its projection. */
export function isLessInFactors(
  [out = 0, inputs = 0]: readonly number[],
  rank: number,
  tokens: number,
) {
  return tokens * rank * (out + inputs) < (tokens + rank) * out * inputs;
}

type Factors = Pick<ProductChange, 'left' | 'right'>;

/**
 * `low` projected back to `shape`, as a product of two factors; rounded to bfloat16 for a bfloat16
 * basis.
 */
export function fromSubspace(low: Tensor, basis: Tensor, shape: readonly number[]): Factors {
  const rounded = basis.dtype === 'bfloat16' ? ops.to(low, 'bfloat16') : low;
  return isTall(shape) ? { left: rounded, right: ops.t(basis) } : { left: basis, right: rounded };
}

/** Adds `alpha` times the product to `into [O, I]`. */
export function addProduct_(into: Tensor, { left, right }: Factors, alpha: number): void {
  ops.linearDw_(into, ops.t(left), right, { alpha });
}

/**
 * The basis of the `rank` largest singular values, in descending order; float64 for a float64
 * gradient, else float32.
 */
export function topSubspace(gradient: Tensor, rank: number): Tensor {
  return scope(() => {
    const [, vectors] = byOneThread(() => ops.linalgEigh(gramOf(gradient)));
    return ops.to(withSigns(lastFirst(vectors, rank)), wideOf(gradient));
  });
}

/** The basis of the `rank` smallest singular values, in ascending order. */
export function bottomSubspace(matrix: Tensor, rank: number): Tensor {
  return scope(() => {
    const [, vectors] = byOneThread(() => ops.linalgEigh(gramOf(matrix)));
    return ops.to(withSigns(ops.narrow(vectors, 1, 0, rank)), wideOf(matrix));
  });
}

/**
 * An approximation of `topSubspace` for a fraction of its work: a randomized range finder with two
 * power iterations (Halko, Martinsson & Tropp 2011), oversampled by a twelfth. Its random
 * directions depend on the shape alone.
 */
export function sketchedSubspace(gradient: Tensor, rank: number): Tensor {
  const smaller = Math.min(...gradient.shape);
  const drawn = rank + Math.max(leastSpare, Math.ceil(rank / 12));
  if (drawn >= smaller) return topSubspace(gradient, rank);
  return scope(() => {
    const times = timesGram(gradient, drawn);
    const stream = streamOf(0, 'directions', smaller, drawn);
    let found = uniform([smaller, drawn], -1, 1, stream, wideOf(gradient));
    for (let turn = 0; turn < turns; turn += 1) {
      const turned = times(found);
      [found] = byOneThread(() => ops.linalgQr(turned));
    }
    const within = product(ops.t(found), times(found));
    const square = item(ops.amax(within));
    if (!(square > leastSquare && square < 1 / leastSquare)) return topSubspace(gradient, rank);
    const [, vectors] = byOneThread(() => ops.linalgEigh(within));
    return withSigns(product(found, lastFirst(vectors, rank)));
  });
}

/** As a job names it. */
export function subspaceFinder(directions: 'Exact' | 'Sketched'): typeof topSubspace {
  return directions === 'Exact' ? topSubspace : sketchedSubspace;
}

/** `a b`, the same for any number of threads. */
function product(a: Tensor, b: Tensor): Tensor {
  return ops.linear(a, ops.t(b));
}

const leastSpare = 8;
const turns = 2;
/** Bound of a squared singular value, far from the limits of float32. */
const leastSquare = 1e-24;

/**
 * Multiplies `[N, drawn]` by the Gram matrix: by the matrix itself or, for few directions, by the
 * gradient and its transpose.
 */
function timesGram(gradient: Tensor, drawn: number): (some: Tensor) => Tensor {
  const [smaller = 0, larger = 0] = [...gradient.shape].sort((a, b) => a - b);
  const products = turns + 1;
  const byGram = smaller * ((2 / 3) * larger + products * drawn);
  if (byGram <= 2 * products * drawn * larger) {
    const gram = gramOf(gradient, wideOf(gradient));
    return (some) => product(gram, some);
  }
  const tall = ops.to(isTall(gradient.shape) ? gradient : ops.t(gradient), wideOf(gradient));
  return (some) => product(ops.t(tall), product(tall, some));
}

/** Sums and directions are computed in float32 at least. */
export function wideOf({ dtype }: Tensor): 'float32' | 'float64' {
  return exactType(dtype);
}

/**
 * The Gram matrix `[N, N]` of the smaller side, summed in `dtype`; for float64 the gradient is
 * converted in panels, for float32 bfloat16 values are multiplied directly.
 */
export function gramOf(gradient: Tensor, dtype: 'float32' | 'float64' = 'float64'): Tensor {
  const tall = isTall(gradient.shape) ? gradient : ops.t(gradient);
  const [length = 0, size = 0] = tall.shape;
  const sum = ops.zeros([size, size], { dtype });
  for (let at = 0; at < length; at += atOnce) {
    scope(() => {
      const some = ops.narrow(tall, 0, at, Math.min(atOnce, length - at));
      addGram_(sum, dtype === 'float32' ? some : ops.to(some, dtype));
    });
  }
  completeGram_(sum);
  return sum;
}

/** Adds `part^T part` to the upper half of `sum [N, N]`, in bands of rows. */
export function addGram_(sum: Tensor, part: Tensor): void {
  const size = sum.shape[0] ?? 0;
  const width = Math.ceil(size / bands);
  for (let first = 0; first < size; first += width) {
    const rows = Math.min(width, size - first);
    const to = ops.narrow(ops.narrow(sum, 0, first, rows), 1, first, size - first);
    const [band, rest] = [
      ops.narrow(part, 1, first, rows),
      ops.narrow(part, 1, first, size - first),
    ];
    ops.linearDw_(to, band, rest);
  }
}

/** Copies the upper half to the lower. */
export function completeGram_(sum: Tensor): void {
  const size = sum.shape[0] ?? 0;
  const width = Math.ceil(size / bands);
  for (let next = width; next < size; next += width) {
    const above = ops.narrow(ops.narrow(sum, 0, next - width, width), 1, next, size - next);
    const left = ops.narrow(ops.narrow(sum, 0, next, size - next), 1, next - width, width);
    ops.copy_(left, ops.t(above));
  }
}

/** Rows of the larger side in one product. */
const atOnce = 1024;
/** Bands of rows of the Gram matrix. */
const bands = 3;

/** The last `count` columns, the last one first. */
function lastFirst(vectors: Tensor, count: number): Tensor {
  return ops.flip(ops.narrow(vectors, 1, (vectors.shape[1] ?? 0) - count, count), [1]);
}

function withSigns(vectors: Tensor): Tensor {
  const largest = ops.argmax(ops.abs(vectors), 0, true);
  return ops.mul(vectors, ops.sign(ops.gather(vectors, 0, largest)));
}

/** Whether the columns are the smaller side. */
export function isTall([out = 0, inputs = 0]: readonly number[]): boolean {
  return out >= inputs;
}
