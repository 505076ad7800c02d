// Parts of the CUDA kernels of hadamard: where a rotated value goes, and the stages of a
// Walsh-Hadamard matrix, from the widest to the narrowest, in registers.
#pragma once

#include "../device.cuh"
#include "../float8.h"
#include "hadamard.h"

namespace anneal::hadamard {

using namespace device;

constexpr int kOwn = 8;             // neighbours of a lane
constexpr int kTile = kWarp * kOwn; // of a warp

// Takes rotated values. `largest` and `scale` are of kLargest and of codes.
template <class S> struct Target {
  void* out;
  Sink sink;
  S factor;
  const float* scale;
  uint32_t* largest;
};

template <class T, int n, class S, class Change>
__device__ void put_as(const Target<S>& t, int64_t i, const Pack<S, n>& x, int64_t left, bool aligned, Change change) {
  Pack<T, n> y;
  for (int j = 0; j < n; ++j) y.at[j] = change(x.at[j] * t.factor);
  write_pack(static_cast<T*>(t.out) + i, y, left, aligned);
}

// Values i and those behind it. Returns the bits of the largest magnitude for kLargest, else 0.
template <int n, class S> __device__ uint32_t put(const Target<S>& t, int64_t i, const Pack<S, n>& x, int64_t left, bool aligned) {
  switch (t.sink) {
  case Sink::kFloat64:
    put_as<double>(t, i, x, left, aligned, [](S y) { return static_cast<double>(y); });
    return 0;
  case Sink::kFloat32:
    put_as<float>(t, i, x, left, aligned, [](S y) { return static_cast<float>(y); });
    return 0;
  case Sink::kBFloat16:
    put_as<uint16_t>(t, i, x, left, aligned, [](S y) { return to_bfloat16(static_cast<float>(y)); });
    return 0;
  case Sink::kLargest: {
    uint32_t most = 0;
    for (int j = 0; j < n; ++j) {
      const uint32_t bits = float_to_bits(static_cast<float>(x.at[j] * t.factor)) & 0x7fffffffu;
      most = bits > most ? bits : most;
    }
    return most;
  }
  case Sink::kCode8: {
    const float inverse = 1.0f / *t.scale;
    put_as<uint8_t>(t, i, x, left, aligned, [inverse](S y) {
      return static_cast<uint8_t>(float_to_bits(__fadd_rn(static_cast<float>(y) * inverse, 12582912.0f)));
    });
    return 0;
  }
  default: {
    const float inverse = 1.0f / *t.scale;
    put_as<uint8_t>(t, i, x, left, aligned, [inverse](S y) { return to_float8(static_cast<float>(y) * inverse); });
    return 0;
  }
  }
}

template <class S, class T, int n> __device__ Pack<S, n> widened(const Pack<T, n>& narrow) {
  Pack<S, n> wide;
  for (int j = 0; j < n; ++j) wide.at[j] = load(narrow.at[j]);
  return wide;
}

__device__ inline void raise(uint32_t* largest, uint32_t bits) {
  bits = warp_max(bits);
  if (threadIdx.x % kWarp == 0 && bits > 0) atomicMax(largest, bits);
}

// Sums and differences of values that are `half` apart, then half / 2, down to 1.
template <int n, class S> __device__ void turn_own(S (&v)[n], int widest) {
#pragma unroll
  for (int half = n / 2; half > 0; half /= 2) {
    if (half > widest) continue;
#pragma unroll
    for (int j = 0; j < n; ++j) {
      if (j & half) continue;
      const S a = v[j], b = v[j + half];
      v[j] = a + b;
      v[j + half] = a - b;
    }
  }
}

// Parts of up to kTile values of a tile that the lanes of a warp hold, neighbours in one lane.
template <class S> __device__ void turn_tile(S (&v)[kOwn], int64_t part) {
  for (int by = kWarp / 2; by > 0; by /= 2) {
    if (by * kOwn >= part) continue;
    const bool is_second = threadIdx.x & by;
    for (int j = 0; j < kOwn; ++j) {
      const S other = __shfl_xor_sync(0xffffffffu, v[j], by);
      v[j] = is_second ? other - v[j] : other + v[j];
    }
  }
  turn_own<kOwn>(v, static_cast<int>(part < kTile ? part / 2 : kTile));
}

// As many stages as n values of a thread have, the narrowest of values `pitch` apart.
template <int n, class S> __device__ void pass(S* x, int count, int pitch) {
  __syncthreads();
  for (int p = threadIdx.x; p < count / n; p += kThreads) {
    S* const first = x + p / pitch * pitch * n + p % pitch;
    S v[n];
    for (int j = 0; j < n; ++j) v[j] = first[j * pitch];
    turn_own<n>(v, n);
    for (int j = 0; j < n; ++j) first[j * pitch] = v[j];
  }
}

// Stages from values `size` / 2 pitches apart down to those one pitch apart: of `count` values in
// memory of the block, three stages between two barriers. `size` is a power of two.
template <class S> __device__ void walsh(S* x, int count, int64_t size, int pitch) {
  for (; size >= 8; size /= 8) pass<8>(x, count, static_cast<int>(size / 8) * pitch);
  if (size == 4) pass<4>(x, count, pitch);
  if (size == 2) pass<2>(x, count, pitch);
  __syncthreads();
}

} // namespace anneal::hadamard
