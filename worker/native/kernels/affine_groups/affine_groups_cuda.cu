// CUDA entries of affine_groups.h: one warp a group, a lane eight neighbours;
// the same bits as on the CPU.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../philox/philox.h"
#include "affine_groups_arguments.h"

namespace anneal::affine_groups {

namespace {

using namespace device;
using at::Tensor;

constexpr int kOwn = kMost / kWarp; // neighbours of a lane, which share a block of Philox
static_assert(kOwn == 8 && kBlocks == kWarp);

// 16 bits of value i of a block, as a number in (0, 1).
__device__ inline float lift_of(const philox::Block& block, int i) {
  const uint32_t word = block.word[i / 2];
  return (static_cast<float>(i % 2 ? word >> 16 : word & 0xffffu) + 0.5f) * 0x1p-16f;
}

__global__ void code_kernel(const float* x, Coding to, int64_t groups, bool aligned) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const float largest = static_cast<float>(to.last);
  for (int64_t g = first_index() / kWarp; g < groups; g += index_stride() / kWarp) {
    const int64_t first = g * to.size + lane * kOwn;
    const int left = to.size - lane * kOwn;
    const auto values = read_pack<kOwn>(x + first, left, aligned);
    float low = 0, high = 0, rest = 0; // what lies behind the group is read as zero
    for (int i = 0; i < kOwn; ++i) {
      const float v = values.at[i];
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
    philox::Block block{};
    if (to.stochastic)
      block = philox::block(to.key, kDomain, 0, g * kBlocks + lane);
    Pack<uint8_t, kOwn> codes;
    for (int i = 0; i < kOwn; ++i) {
      const float lift = to.stochastic ? lift_of(block, i) : 0.5f;
      const float place = __fadd_rn(__fadd_rn(__fdiv_rn(values.at[i], scale), zero), lift);
      codes.at[i] = place > 0 ? static_cast<uint8_t>(place < largest ? place : largest) : 0;
    }
    write_pack(to.codes + first, codes, left, aligned);
    if (lane == 0) {
      to.scales[g] = scale;
      to.zeros[g] = zero > 0 ? static_cast<uint8_t>(zero) : 0;
    }
  }
}

// One thread eight neighbours, wherever groups end.
template <class T> __global__ void decode_kernel(Coded from, T* x, int64_t count, bool aligned) {
  for (int64_t first = first_index() * kOwn; first < count; first += index_stride() * kOwn) {
    const int64_t left = count - first;
    int64_t g = first / from.size, end = (g + 1) * from.size;
    Pack<uint8_t, kOwn> codes;
    if (from.in_halves) {
      const auto halves = read_pack<kOwn / 2>(from.codes + first / 2, (left + 1) / 2, aligned);
      for (int i = 0; i < kOwn; ++i) codes.at[i] = halves.at[i / 2] >> (i % 2 * 4) & 15;
    } else {
      codes = read_pack<kOwn>(from.codes + first, left, aligned);
    }
    Pack<T, kOwn> values{};
    float scale = from.scales[g];
    int zero = from.zeros[g];
    for (int i = 0; i < kOwn; ++i) {
      if (i >= left) continue;
      if (first + i == end) {
        g += 1;
        end += from.size;
        scale = from.scales[g];
        zero = from.zeros[g];
      }
      store(values.at[i], __fmul_rn(static_cast<float>(codes.at[i] - zero), scale));
    }
    write_pack(x + first, values, left, aligned);
  }
}

Tensor& code_cuda(Tensor& codes, Tensor& scales, Tensor& zeros, const Tensor& x, int64_t bits, std::optional<int64_t> key) {
  const Coding to = check_code(codes, scales, zeros, x, bits, key);
  if (scales.numel() == 0) return codes;
  const c10::cuda::CUDAGuard guard(x.device());
  const float* from = x.const_data_ptr<float>();
  code_kernel<<<blocks_for(scales.numel(), kThreads / kWarp), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      from, to, scales.numel(), to.size % kOwn == 0 && are_aligned({from, to.codes}));
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
    decode_kernel<<<blocks_for(x.numel(), kThreads * kOwn), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
        from, to, x.numel(), are_aligned({from.codes, to}));
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
