// C[m, n] (+)= sum over k of A[m, k] B[k, n] for tiles that lie in cache: the inner products of
// attention.
//
// A may be read along rows or columns (it is only broadcast), B and C are row-major and padded to
// whole panels of kPanel columns. For each group of kGroup rows the caller's `Range` says which k
// matter, and its `Skip` which panels are not needed: the causal and window bands cost what they
// cover, not the square.
//
// Policy: one type S throughout, `=` or `+=` by `accumulate`; sums run in ascending k.
#pragma once

#include "simd.h"

namespace anneal::simd::ANNEAL_ISA {

// Accumulators fill the register file: 6 x 2 of 16 registers, 12 x 2 of 32.
constexpr int kGroup = kRegisters == 32 ? 12 : 6;
template <class S> constexpr int kPanel = 2 * kLanes<S>;

constexpr int round_up(int n, int multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Leading dimension for rows of n values: an odd number of cache lines, so that the rows of a tile
// do not all fall into the same few cache sets.
template <class S> constexpr int padded(int n) {
  constexpr int line = 64 / static_cast<int>(sizeof(S));
  return (round_up(round_up(n, kPanel<S>), line) / line | 1) * line;
}

template <class S> struct Left {
  const S* data;
  int64_t row; // distance of rows
  int64_t k;   // distance of neighbours along the sum
};

struct Span {
  int from;
  int to;
};

template <class S, int rows>
__attribute__((noinline)) void product_group(Left<S> a, Span k, const S* b, int ldb, S* c, int ldc,
                                             bool accumulate) {
  using V = Vec<S>;
  constexpr int lanes = kLanes<S>;
  V sums[rows][2] = {};
  const S* x = a.data + k.from * a.k;
  b += static_cast<int64_t>(k.from) * ldb;
  int left = k.to - k.from;
  do { // at least one step: a path around the loop would cost the compiler its registers
    const V b0 = load(b);
    const V b1 = load(b + lanes);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const V xi = splat<S>(x[i * a.row]);
      sums[i][0] = fma(xi, b0, sums[i][0]);
      sums[i][1] = fma(xi, b1, sums[i][1]);
    }
    x += a.k;
    b += ldb;
  } while (--left > 0);
  if (accumulate) {
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      sums[i][0] += load(c + i * ldc);
      sums[i][1] += load(c + i * ldc + lanes);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
    store(c + i * ldc, sums[i][0]);
    store(c + i * ldc + lanes, sums[i][1]);
  }
}

// The last group of a tile: 1 to kGroup rows.
template <class S, int rows = kGroup>
ANNEAL_INLINE void product_rows(int count, Left<S> a, Span k, const S* b, int ldb, S* c, int ldc,
                                bool accumulate) {
  if constexpr (rows > 1) {
    if (count < rows)
      return product_rows<S, rows - 1>(count, a, k, b, ldb, c, ldc, accumulate);
  }
  if (k.from < k.to)
    return product_group<S, rows>(a, k, b, ldb, c, ldc, accumulate);
  for (int i = 0; i < (accumulate ? 0 : rows); ++i)
    for (int j = 0; j < kPanel<S>; ++j)
      c[i * ldc + j] = 0;
}

template <class S, class Range, class Skip>
ANNEAL_INLINE void tile_product(int m, int n, Left<S> a, const S* b, int ldb, S* c, int ldc,
                                bool accumulate, Range range, Skip skip) {
  for (int column = 0; column < n; column += kPanel<S>) {
    for (int row = 0; row < m; row += kGroup) {
      const int count = m - row < kGroup ? m - row : kGroup;
      if (skip(row, row + count, column, column + kPanel<S>))
        continue;
      const Span k = range(row, row + count);
      const Left<S> part = {a.data + row * a.row, a.row, a.k};
      product_rows<S>(count, part, k, b + column, ldb, c + row * ldc + column, ldc, accumulate);
    }
  }
}

} // namespace anneal::simd::ANNEAL_ISA
