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

// How many of the ascending offsets are at most `token`.
__device__ inline int count_until(const int32_t* offsets, int count, int token) {
  int low = 0, high = count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (offsets[middle] <= token)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Who sees whom. Both ends of both spans ascend with the token, so those of a block's first and
// last row bound all of its rows.
struct PackedSequences {
  const int32_t* queries; // offsets of documents
  const int32_t* keys;    // the same ones where attention is causal
  int documents;
  int tokens; // of queries
  int key_tokens;
  bool causal;
  int window; // 0: none

  // The keys that a query sees; empty outside of all documents.
  __device__ Span keys_of(int query) const {
    const Span document = across(query, queries, keys);
    if (!causal) return document;
    const int from = window > 0 ? max(document.from, query - window + 1) : document.from;
    return {from, document.from == document.to ? from : query + 1};
  }

  // The queries that see a key.
  __device__ Span queries_of(int key) const {
    const Span document = across(key, keys, queries);
    if (!causal) return document;
    return {key, window > 0 ? min(document.to, key + window) : document.to};
  }

private:
  // The other side of a token's document. Behind the last and before the first one an empty span:
  // where attention is causal at the token, else where the documents of the other side end.
  __device__ Span across(int token, const int32_t* own, const int32_t* other) const {
    const int document = count_until(own, documents + 1, token) - 1;
    if (document >= 0 && document < documents) return {other[document], other[document + 1]};
    const int empty = causal ? token : other[document < 0 ? 0 : documents];
    return {empty, empty};
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
