// CUDA entry of anneal::gptq_sweep: a thread a row. All threads of a warp read the same place of
// the factor at a time; a sweep is a small part of what the products beside it take.
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "gptq_arguments.h"

namespace anneal::gptq {

namespace {

using namespace device;

struct Rounded {
  __device__ float operator()(float a, float b) const { return __fmul_rn(a, b); }
};

__global__ void sweep_kernel(Sweep sweep) {
  for (int64_t row = first_index(); row < sweep.rows; row += index_stride()) sweep_row(sweep, row, Rounded());
}

at::Tensor gptq_sweep_cuda(const at::Tensor& weight, at::Tensor& codes, const at::Tensor& scales,
                           const at::Tensor& zeros, const at::Tensor& factor, int64_t first, int64_t count,
                           int64_t group, int64_t largest) {
  const c10::cuda::CUDAGuard guard(weight.device());
  at::Tensor errors = at::empty({weight.size(0), count}, weight.options());
  const Sweep sweep = check_arguments(weight, codes, scales, zeros, factor, errors, first, group, largest);
  if (sweep.rows == 0) return errors;
  constexpr int threads = 32;
  sweep_kernel<<<blocks_for(sweep.rows, threads), threads, 0, c10::cuda::getCurrentCUDAStream()>>>(sweep);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return errors;
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("gptq_sweep", TORCH_FN(gptq_sweep_cuda)); }

}  // namespace anneal::gptq
