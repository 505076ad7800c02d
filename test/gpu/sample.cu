// Not a kernel of ours: shows that the compiler, libtorch's headers and the linking in
// test/setup/cuda-kernels.ts work, whatever worker/native/kernels holds. Registers anneal_sample::twice.
#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

namespace {

__global__ void twice_kernel(const float* in, float* out, long count) {
  const long stride = long(gridDim.x) * blockDim.x;
  for (long i = long(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    out[i] = 2 * in[i];
}

at::Tensor twice(const at::Tensor& in) {
  at::Tensor out = in.clone();
  const auto stream = c10::cuda::getCurrentCUDAStream();
  twice_kernel<<<64, 256, 0, stream>>>(in.const_data_ptr<float>(), out.mutable_data_ptr<float>(),
                                       in.numel());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

} // namespace

TORCH_LIBRARY(anneal_sample, library) { library.def("twice(Tensor self) -> Tensor"); }

TORCH_LIBRARY_IMPL(anneal_sample, CUDA, library) { library.impl("twice", twice); }
