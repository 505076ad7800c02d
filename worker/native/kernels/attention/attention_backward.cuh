// Backward: dq by queries as in the forward; dk and dv by keys, over all query heads of their kv
// head. Weights are computed again in both.
#pragma once

#include "attention_device.cuh"

namespace anneal::attention {

template <class T> struct BackwardShared {
  using S = typename Arithmetic<T>::Type;
  int rows, ld;
  __host__ __device__ BackwardShared(int rows, int size) : rows(rows), ld(shared_stride<T>(size)) {}
  __host__ __device__ size_t rows_bytes(int size) const { return sizeof(S) * rows * size; }
  __host__ __device__ size_t tile_bytes() const { return sizeof(T) * kWarp * ld; }
  __host__ __device__ size_t bytes(int size) const {
    return 2 * rows_bytes(size) + 2 * tile_bytes();
  }
};

// delta [tokens * heads] = sum over size of grad * out: a warp a row.
template <class T>
__global__ void delta_kernel(const T* grad, const T* out, void* delta, int size, int64_t rows) {
  using S = typename Arithmetic<T>::Type;
  const int lane = threadIdx.x % kWarp;
  for (int64_t row = first_index() / kWarp; row < rows; row += index_stride() / kWarp) {
    S total = 0;
    for (int d = lane; d < size; d += kWarp)
      total += load(grad[row * size + d]) * load(out[row * size + d]);
    total = warp_sum(total);
    if (lane == 0) static_cast<S*>(delta)[row] = total;
  }
}

template <class T, int kChunks, int kRows>
__global__ void __launch_bounds__(kThreads) dq_kernel(Backward p, PackedSequences sequences) {
  using S = typename Arithmetic<T>::Type;
  extern __shared__ __align__(16) unsigned char memory[];
  constexpr int rows = kWarps * kRows;
  const BackwardShared<T> shared(rows, p.size);
  S* q = reinterpret_cast<S*>(memory);
  S* grad = q + rows * p.size;
  T* k = reinterpret_cast<T*>(memory + 2 * shared.rows_bytes(p.size));
  T* v = k + kWarp * shared.ld;
  const Scores<S> scores(p);
  const int head = blockIdx.y;
  const int kv_head = head / (p.heads / p.kv_heads);
  const int lane = threadIdx.x % kWarp;
  const int first = static_cast<int>(blockIdx.x) * rows;
  const int mine = first + static_cast<int>(threadIdx.x) / kWarp * kRows;
  copy_head<T>(p.q, head, first, rows, sequences.tokens, p.size, q, p.size);
  copy_rows(static_cast<const T*>(p.grad) + head * p.size, static_cast<int64_t>(p.heads) * p.size,
            first, rows, sequences.tokens, p.size, grad, p.size);
  Span keys[kRows];
  S dq[kRows][kChunks] = {};
  for (int r = 0; r < kRows; ++r)
    keys[r] = mine + r < sequences.tokens ? sequences.keys_of(mine + r) : Span{0, 0};
  const int furthest = sequences.keys_of(min(first + rows, sequences.tokens) - 1).to;
  for (int tile = sequences.keys_of(first).from; tile < furthest; tile += kWarp) {
    __syncthreads();
    copy_head<T>(p.k, kv_head, tile, kWarp, sequences.key_tokens, p.size, k, shared.ld);
    copy_head<T>(p.v, kv_head, tile, kWarp, sequences.key_tokens, p.size, v, shared.ld);
    __syncthreads();
    for (int r = 0; r < kRows; ++r) {
      const int row = mine + r;
      const int key = tile + lane;
      const bool allowed = key >= keys[r].from && key < keys[r].to;
      if (!__any_sync(0xffffffffu, allowed)) continue;
      const int64_t at = static_cast<int64_t>(row) * p.heads + head;
      const S product = dot(q + (row - first) * p.size, k + lane * shared.ld, p.size);
      const S dp = dot(grad + (row - first) * p.size, v + lane * shared.ld, p.size);
      const S log2_total = static_cast<const S*>(p.lse)[at] * static_cast<S>(kLog2E);
      const S weight = power_of_two(scores(product) - log2_total);
      const S ds = allowed ? weight * (dp - static_cast<const S*>(p.delta)[at]) *
                                 scores.slope(product) * static_cast<S>(p.scale)
                           : 0;
      for (int j = 0; j < kWarp; ++j) {
        const S d = __shfl_sync(0xffffffffu, ds, j);
        for (int c = 0; c < kChunks; ++c) {
          const int i = lane + c * kWarp;
          if (i < p.size) dq[r][c] += d * load(k[j * shared.ld + i]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    if (mine + r >= sequences.tokens) continue;
    const int64_t row = static_cast<int64_t>(mine + r) * p.heads + head;
    for (int c = 0; c < kChunks; ++c) {
      const int d = lane + c * kWarp;
      if (d < p.size) store(static_cast<T*>(p.dq)[row * p.size + d], dq[r][c]);
    }
  }
}

template <class T, int kChunks, int kRows>
__global__ void __launch_bounds__(kThreads) dkv_kernel(Backward p, PackedSequences sequences) {
  using S = typename Arithmetic<T>::Type;
  extern __shared__ __align__(16) unsigned char memory[];
  constexpr int rows = kWarps * kRows;
  const BackwardShared<T> shared(rows, p.size);
  S* k = reinterpret_cast<S*>(memory);
  S* v = k + rows * p.size;
  T* q = reinterpret_cast<T*>(memory + 2 * shared.rows_bytes(p.size));
  T* grad = q + kWarp * shared.ld;
  const Scores<S> scores(p);
  const int kv_head = blockIdx.y;
  const int group = p.heads / p.kv_heads;
  const int lane = threadIdx.x % kWarp;
  const int first = static_cast<int>(blockIdx.x) * rows;
  const int mine = first + static_cast<int>(threadIdx.x) / kWarp * kRows;
  copy_head<T>(p.k, kv_head, first, rows, sequences.key_tokens, p.size, k, p.size);
  copy_head<T>(p.v, kv_head, first, rows, sequences.key_tokens, p.size, v, p.size);
  Span queries[kRows]; // that see the key
  S dk[kRows][kChunks] = {}, dv[kRows][kChunks] = {};
  for (int r = 0; r < kRows; ++r)
    queries[r] = mine + r < sequences.key_tokens ? sequences.queries_of(mine + r) : Span{0, 0};
  const int nearest = sequences.queries_of(first).from;
  const int furthest = sequences.queries_of(min(first + rows, sequences.key_tokens) - 1).to;
  for (int head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (int tile = nearest; tile < furthest; tile += kWarp) {
      __syncthreads();
      copy_head<T>(p.q, head, tile, kWarp, sequences.tokens, p.size, q, shared.ld);
      copy_rows(static_cast<const T*>(p.grad) + head * p.size,
                static_cast<int64_t>(p.heads) * p.size, tile, kWarp, sequences.tokens, p.size, grad,
                shared.ld);
      __syncthreads();
      const int query = tile + lane;
      const int64_t at = static_cast<int64_t>(min(query, sequences.tokens - 1)) * p.heads + head;
      const S log2_total = static_cast<const S*>(p.lse)[at] * static_cast<S>(kLog2E);
      const S delta = static_cast<const S*>(p.delta)[at];
      for (int r = 0; r < kRows; ++r) {
        const bool allowed = query >= queries[r].from && query < queries[r].to;
        if (!__any_sync(0xffffffffu, allowed)) continue;
        const S product = dot(k + (mine + r - first) * p.size, q + lane * shared.ld, p.size);
        const S dp = dot(v + (mine + r - first) * p.size, grad + lane * shared.ld, p.size);
        const S weight = allowed ? power_of_two(scores(product) - log2_total) : 0;
        const S ds = allowed ? weight * (dp - delta) * scores.slope(product) *
                                   static_cast<S>(p.scale)
                             : 0;
        for (int j = 0; j < kWarp; ++j) {
          const S w = __shfl_sync(0xffffffffu, weight, j);
          const S d = __shfl_sync(0xffffffffu, ds, j);
          for (int c = 0; c < kChunks; ++c) {
            const int i = lane + c * kWarp;
            if (i >= p.size) continue;
            dv[r][c] += w * load(grad[j * shared.ld + i]);
            dk[r][c] += d * load(q[j * shared.ld + i]);
          }
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    if (mine + r >= sequences.key_tokens) continue;
    const int64_t row = static_cast<int64_t>(mine + r) * p.kv_heads + kv_head;
    for (int c = 0; c < kChunks; ++c) {
      const int d = lane + c * kWarp;
      if (d >= p.size) continue;
      store(static_cast<T*>(p.dk)[row * p.size + d], dk[r][c]);
      store(static_cast<T*>(p.dv)[row * p.size + d], dv[r][c]);
    }
  }
}

} // namespace anneal::attention
