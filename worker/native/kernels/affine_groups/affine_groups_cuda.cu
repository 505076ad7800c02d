// CUDA entries of affine_groups.h: one warp a group, the same bits as on the CPU.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../philox/philox.h"
#include "affine_groups_arguments.h"

namespace anneal::affine_groups {

namespace {

using namespace device;
using at::Tensor;

// 16 bits of value i of a group.
__device__ inline uint32_t half_of(uint64_t key, int64_t group, int i) {
  const philox::Block b = philox::block(key, static_cast<philox::Domain>(kDomain), group * kBlocks + i / 8);
  const uint32_t word = b.word[i % 8 / 2];
  return i % 2 ? word >> 16 : word & 0xffffu;
}

__global__ void code_kernel(const float* x, Coding to, int64_t groups) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int64_t g = first_index() / kWarp; g < groups; g += index_stride() / kWarp) {
    const float* const values = x + g * to.size;
    float low = 0, high = 0, rest = 0;
    for (int i = lane; i < to.size; i += kWarp) {
      const float v = values[i];
      low = v < low ? v : low;
      high = v > high ? v : high;
      rest += v - v;
    }
    low = -warp_max(-low);
    high = warp_max(high);
    rest = warp_sum(rest);
    const float wide = __fdiv_rn(high - low, static_cast<float>(to.last - 1));
    const float scale = (wide > kLeast ? wide : kLeast) + rest;
    const float zero = ceilf(__fdiv_rn(-low, scale));
    for (int i = lane; i < to.size; i += kWarp) {
      const float lift = to.stochastic ? (static_cast<float>(half_of(to.key, g, i)) + 0.5f) * 0x1p-16f : 0.5f;
      const float place = __fadd_rn(__fadd_rn(__fdiv_rn(values[i], scale), zero), lift);
      const float largest = static_cast<float>(to.last);
      to.codes[g * to.size + i] = place > 0 ? static_cast<uint8_t>(place < largest ? place : largest) : 0;
    }
    if (lane == 0) {
      to.scales[g] = scale;
      to.zeros[g] = zero > 0 ? static_cast<uint8_t>(zero) : 0;
    }
  }
}

template <class T> __global__ void decode_kernel(Coded from, T* x, int64_t count) {
  for (int64_t i = first_index(); i < count; i += index_stride()) {
    const int64_t g = i / from.size;
    const int code = !from.in_halves ? from.codes[i] : i % 2 ? from.codes[i / 2] >> 4 : from.codes[i / 2] & 15;
    store(x[i], __fmul_rn(static_cast<float>(code - from.zeros[g]), from.scales[g]));
  }
}

Tensor& code_cuda(Tensor& codes, Tensor& scales, Tensor& zeros, const Tensor& x, int64_t bits, std::optional<int64_t> key) {
  const Coding to = check_code(codes, scales, zeros, x, bits, key);
  if (scales.numel() == 0) return codes;
  const c10::cuda::CUDAGuard guard(x.device());
  code_kernel<<<blocks_for(scales.numel(), kThreads / kWarp), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      x.const_data_ptr<float>(), to, scales.numel());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return codes;
}

Tensor decode_cuda(const Tensor& codes, const Tensor& scales, const Tensor& zeros, int64_t columns, bool in_halves,
                   at::ScalarType dtype) {
  const Coded from = check_decode(codes, scales, zeros, columns, in_halves, dtype);
  const c10::cuda::CUDAGuard guard(codes.device());
  const Tensor x = at::empty({scales.size(0), columns}, scales.options().dtype(dtype));
  if (x.numel() == 0) return x;
  const auto launch = [&](auto* to) {
    decode_kernel<<<blocks_for(x.numel(), kThreads), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(from, to, x.numel());
  };
  if (dtype == at::kFloat)
    launch(x.mutable_data_ptr<float>());
  else
    launch(static_cast<Bf16*>(x.mutable_data_ptr()));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return x;
}

Tensor& add_product_cuda(Tensor& codes, Tensor& scales, Tensor& zeros, const Tensor& left, const Tensor& right, double alpha, double kept,
                         int64_t key) {
  check_add(codes, scales, zeros, left, right);
  const Tensor x = decode_cuda(codes, scales, zeros, codes.size(1), false, at::kFloat);
  x.addmm_(left.to(at::kFloat), right.to(at::kFloat), 1, alpha).mul_(kept);
  return code_cuda(codes, scales, zeros, x, 8, key);
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("affine_code_", TORCH_FN(code_cuda));
  m.impl("affine_decode", TORCH_FN(decode_cuda));
  m.impl("affine_add_product_", TORCH_FN(add_product_cuda));
}

}  // namespace anneal::affine_groups
