// CUDA entries of philox.h: one thread a block, the same bits as on the CPU.

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "philox.h"

namespace anneal::philox {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 16; // the grid strides over the rest

template <class T, class Values>
__global__ void fill_kernel(T* data, int64_t count, Values block_values) {
  constexpr int64_t kElements = Values::kElements;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t b = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
       b * kElements < count; b += stride) {
    double values[kElements];
    block_values(static_cast<uint64_t>(b), values);
    for (int64_t lane = 0; lane < kElements; ++lane) {
      const int64_t i = b * kElements + lane;
      if (i < count)
        data[i] = static_cast<T>(values[lane]);
    }
  }
}

template <class Values> at::Tensor& fill_cuda(at::Tensor& self, const Values& block_values) {
  TORCH_CHECK(self.is_contiguous(), "self is not contiguous");
  const int64_t count = self.numel();
  if (count == 0)
    return self;
  const c10::cuda::CUDAGuard guard(self.device());
  const int64_t blocks =
      (count + Values::kElements * kThreads - 1) / (Values::kElements * kThreads);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, self.scalar_type(), "philox", [&] {
    fill_kernel<<<static_cast<unsigned>(std::min(blocks, kMaxBlocks)), kThreads, 0,
                  c10::cuda::getCurrentCUDAStream()>>>(self.mutable_data_ptr<scalar_t>(), count,
                                                       block_values);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return self;
}

at::Tensor& philox_uniform_(at::Tensor& self, int64_t key, double low, double high) {
  return fill_cuda(self, UniformValues{static_cast<uint64_t>(key), low, high});
}

at::Tensor& philox_mask_(at::Tensor& self, int64_t key, double keep) {
  TORCH_CHECK(keep > 0 && keep <= 1, "keep is ", keep, "; it must be above 0 and at most 1");
  return fill_cuda(self, MaskValues{static_cast<uint64_t>(key), keep, 1 / keep});
}

at::Tensor& philox_normal_(at::Tensor& self, int64_t key, double mean, double std) {
  return fill_cuda(self, NormalValues{static_cast<uint64_t>(key), mean, std});
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("philox_uniform_", TORCH_FN(philox_uniform_));
  m.impl("philox_mask_", TORCH_FN(philox_mask_));
  m.impl("philox_normal_", TORCH_FN(philox_normal_));
}

} // namespace anneal::philox
