// Parts that the three CUDA kernels of attention share.
//
// A warp works for a few rows (queries in the forward and for dq, keys for dk and dv); the block
// walks the other side in tiles of one token a lane, held in shared memory. A lane computes the
// score of its token with each row and owns the dimensions lane, lane + 32, … of the row's sums.
// Blocks cut the packed sequence, not documents: each row finds its own document, so many short
// ones share a block. No atomic operation: the same bits every time.
#pragma once

#include "../device.cuh"
#include "tiles.h"

namespace anneal::attention {

using namespace device;

constexpr int kWarps = kThreads / kWarp;
constexpr double kLog2E = 1.44269504088896340736;
constexpr double kLn2 = 0.69314718055994530942;

struct Span {
  int from;
  int to;
};

struct PackedSequence {
  const int32_t* offsets;
  int documents;
  int tokens;

  // The document of a token; empty behind the last and before the first one.
  __device__ Span document_of(int token) const {
    int low = 0, high = documents + 1; // offsets[0, low) <= token, offsets[high, …) > token
    while (low < high) {
      const int middle = (low + high) / 2;
      if (offsets[middle] <= token)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == 0 || low > documents) return {token, token};
    return {offsets[low - 1], offsets[low]};
  }

  // The first key that a query sees; one behind the query where it sees none. window 0: none.
  __device__ int first_key(int query, int window) const {
    const Span document = document_of(query);
    const int from = document.from == document.to ? query + 1 : document.from;
    return window > 0 ? max(from, query - window + 1) : from;
  }

  // No query at `first` or behind it sees an earlier key.
  __device__ int lowest_key(int first, int window) const {
    const int from = document_of(first).from;
    return window > 0 ? max(from, first - window + 1) : from;
  }
};

__device__ inline float power_of_two(float x) { return exp2f(x); }
__device__ inline double power_of_two(double x) { return exp2(x); }

// The product q.k → log2 of a weight, and the slope of that on the way back.
template <class S> struct Scores {
  S factor;
  S cap; // 0: none

  __device__ explicit Scores(const Problem& p)
      : factor(static_cast<S>(p.cap > 0 ? p.scale / p.cap : p.scale * kLog2E)),
        cap(static_cast<S>(p.cap)) {}
  __device__ S operator()(S product) const {
    const S s = product * factor;
    return cap > 0 ? tanh(s) * cap * static_cast<S>(kLog2E) : s;
  }
  __device__ S slope(S product) const {
    if (!(cap > 0)) return 1;
    const S t = tanh(product * factor);
    return 1 - t * t;
  }
};

// Distance of rows in shared memory, an odd number of words: 32 lanes that read one dimension of 32
// rows fall on 32 banks.
template <class T> __host__ __device__ constexpr int shared_stride(int size) {
  return sizeof(T) == 2 ? ((size + 1) / 2 | 1) * 2 : size | 1;
}

// Rows [first, first + count) of a head, all threads together, 16 bytes at a time; rows outside
// of the sequence read as zero.
template <class T, class To>
__device__ void copy_rows(const T* head, int64_t stride, int first, int count, int tokens, int size,
                          To* to, int ld) {
  constexpr int n = pack_of<T>();
  const int pieces = (size + n - 1) / n;
  const bool aligned = reinterpret_cast<uintptr_t>(head) % kPackBytes == 0 && stride % n == 0;
  for (int index = threadIdx.x; index < count * pieces; index += kThreads) {
    const int row = index / pieces;
    const int d = index % pieces * n, left = size - d;
    const bool inside = first + row < tokens;
    const auto pack = read_pack<n>(head + (inside ? first + row : 0) * stride + d, inside ? left : 0, aligned);
    for (int i = 0; i < n; ++i)
      if (i < left) store(to[row * ld + d + i], load(pack.at[i]));
  }
}

template <class T, class To>
__device__ void copy_head(const View& view, int head, int first, int count, int tokens, int size,
                          To* to, int ld) {
  copy_rows(static_cast<const T*>(view.data) + head * view.head, view.token, first, count, tokens,
            size, to, ld);
}

template <class A, class B>
__device__ auto dot(const A* a, const B* b, int size) -> decltype(load(*a) * load(*b)) {
  decltype(load(*a) * load(*b)) total = 0;
  for (int d = 0; d < size; ++d) total += load(a[d]) * load(b[d]);
  return total;
}

} // namespace anneal::attention
