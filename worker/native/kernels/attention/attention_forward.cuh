// Forward: a warp keeps kRows queries, a running maximum and sum for each, and walks their keys.
#pragma once

#include "attention_device.cuh"

namespace anneal::attention {

template <class T> struct ForwardShared {
  using S = typename Arithmetic<T>::Type;
  int rows, ld;
  __host__ __device__ ForwardShared(int rows, int size) : rows(rows), ld(shared_stride<T>(size)) {}
  __host__ __device__ size_t q_bytes(int size) const { return sizeof(S) * rows * size; }
  __host__ __device__ size_t tile_bytes() const { return sizeof(T) * kWarp * ld; }
  __host__ __device__ size_t bytes(int size) const { return q_bytes(size) + 2 * tile_bytes(); }
};

template <class T, int kChunks, int kRows>
__global__ void __launch_bounds__(kThreads) forward_kernel(Problem p, PackedSequences sequences) {
  using S = typename Arithmetic<T>::Type;
  extern __shared__ __align__(16) unsigned char memory[];
  constexpr int rows = kWarps * kRows;
  const ForwardShared<T> shared(rows, p.size);
  S* q = reinterpret_cast<S*>(memory);
  T* k = reinterpret_cast<T*>(memory + shared.q_bytes(p.size));
  T* v = k + kWarp * shared.ld;
  const Scores<S> scores(p);
  const int head = blockIdx.y;
  const int kv_head = head / (p.heads / p.kv_heads);
  const int lane = threadIdx.x % kWarp;
  const int first = static_cast<int>(blockIdx.x) * rows;
  const int mine = first + static_cast<int>(threadIdx.x) / kWarp * kRows;
  copy_head<T>(p.q, head, first, rows, sequences.tokens, p.size, q, p.size);
  Span keys[kRows];
  S top[kRows], total[kRows], out[kRows][kChunks];
  for (int r = 0; r < kRows; ++r) {
    keys[r] = mine + r < sequences.tokens ? sequences.keys_of(mine + r) : Span{0, 0};
    top[r] = -INFINITY;
    total[r] = 0;
    for (int c = 0; c < kChunks; ++c) out[r][c] = 0;
  }
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
      const S s = scores(dot(q + (row - first) * p.size, k + lane * shared.ld, p.size));
      const S highest = warp_max(allowed ? s : static_cast<S>(-INFINITY));
      const S base = top[r] > highest ? top[r] : highest;
      const S weight = allowed ? power_of_two(s - base) : 0;
      const S factor = power_of_two(top[r] - base);
      top[r] = base;
      total[r] = total[r] * factor + warp_sum(weight);
      for (int c = 0; c < kChunks; ++c) out[r][c] *= factor;
      for (int j = 0; j < kWarp; ++j) {
        const S w = __shfl_sync(0xffffffffu, weight, j);
        for (int c = 0; c < kChunks; ++c) {
          const int d = lane + c * kWarp;
          if (d < p.size) out[r][c] += w * load(v[j * shared.ld + d]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    if (mine + r >= sequences.tokens) continue;
    const int64_t row = static_cast<int64_t>(mine + r) * p.heads + head;
    const bool is_outside = keys[r].from == keys[r].to;
    for (int c = 0; c < kChunks; ++c) {
      const int d = lane + c * kWarp;
      if (d < p.size)
        store(static_cast<T*>(p.out)[row * p.size + d], is_outside ? 0 : out[r][c] / total[r]);
    }
    if (lane == 0)
      static_cast<S*>(p.lse)[row] =
          is_outside ? 0 : top[r] * static_cast<S>(kLn2) + static_cast<S>(log(total[r]));
  }
}

} // namespace anneal::attention
