// What the CUDA kernels share: elements in memory and in arithmetic, sums over a block, launches.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>

#include "bfloat16.h"
#include "rows/rows_of.h"
#include "vector.cuh"

namespace anneal::device {

struct Bf16 {
  uint16_t bits;
};

// Type in memory → type of arithmetic.
template <class T> struct Arithmetic {
  using Type = T;
};
template <> struct Arithmetic<Bf16> {
  using Type = float;
};

__device__ inline double load(const double& place) { return place; }
__device__ inline float load(const float& place) { return place; }
__device__ inline float load(const Bf16& place) { return from_bfloat16(place.bits); }
__device__ inline void store(double& place, double value) { place = value; }
__device__ inline void store(float& place, float value) { place = value; }
__device__ inline void store(Bf16& place, float value) { place.bits = to_bfloat16(value); }

// value as it would be read back from memory of type T.
template <class T, class S> __device__ inline S rounded(S value) {
  T place;
  store(place, value);
  return load(place);
}

constexpr int kWarp = 32;
constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 16; // the grid strides over the rest

template <class S> __device__ inline S warp_sum(S value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}
template <class S> __device__ inline S warp_max(S value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const S other = __shfl_xor_sync(0xffffffffu, value, offset);
    value = value > other ? value : other;
  }
  return value;
}

// The same sum in every thread of a block of kThreads, in an order that does not vary.
template <class S> __device__ inline S block_sum(S value) {
  __shared__ S parts[kThreads / kWarp];
  value = warp_sum(value);
  __syncthreads(); // an earlier sum may still be read
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
  S total = 0;
  for (int i = 0; i < kThreads / kWarp; ++i) total += parts[i];
  return total;
}

// First index of this thread and the stride of the grid, for one element a thread.
__device__ inline int64_t first_index() {
  return blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
}
__device__ inline int64_t index_stride() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

// Of the current device: 90 is sm_90.
inline int capability() {
  int device = 0, major = 0, minor = 0;
  C10_CUDA_CHECK(cudaGetDevice(&device));
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  return 10 * major + minor;
}

inline unsigned blocks_for(int64_t count, int64_t per_block) {
  const int64_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(std::clamp<int64_t>(blocks, 1, kMaxBlocks));
}

template <class T> struct TypeOf {
  using Type = T;
};

// body(TypeOf<T>) for the type of the elements.
template <class Body> void with_element(rows::Element element, Body body) {
  switch (element) {
  case rows::Element::kFloat64:
    return body(TypeOf<double>{});
  case rows::Element::kFloat32:
    return body(TypeOf<float>{});
  default:
    return body(TypeOf<Bf16>{});
  }
}

} // namespace anneal::device
