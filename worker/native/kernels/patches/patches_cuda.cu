// CUDA entry of patches: one thread a value that is written.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "patches_arguments.h"

namespace anneal::patches {

namespace {

using namespace device;

template <class T>
__global__ void gather_kernel(const T* x, T* y, Grid g, int64_t count) {
  const int64_t half = g.kernel / 2, area = g.kernel * g.kernel, columns = g.channels * area;
  for (int64_t index = first_index(); index < count; index += index_stride()) {
    const int64_t r = index / columns, c = index % columns / area, w = index % area;
    const int64_t row = moved(g, r, w / g.kernel - half, w % g.kernel - half);
    y[index] = row < 0 ? T{} : x[row * g.channels + c];
  }
}

template <class T>
__global__ void scatter_kernel(const T* grad, T* dx, Grid g, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  const int64_t half = g.kernel / 2, area = g.kernel * g.kernel;
  for (int64_t index = first_index(); index < count; index += index_stride()) {
    const int64_t r = index / g.channels, c = index % g.channels;
    S sum = 0;
    for (int64_t w = 0; w < area; ++w) {
      const int64_t row = moved(g, r, half - w / g.kernel, half - w % g.kernel);
      if (row >= 0) sum += load(grad[(row * g.channels + c) * area + w]);
    }
    store(dx[index], sum);
  }
}

at::Tensor patches(const at::Tensor& x_in, int64_t height, int64_t width, int64_t kernel) {
  const c10::cuda::CUDAGuard guard(x_in.device());
  const Grid g = check_arguments(x_in, height, width, kernel, false);
  const at::Tensor x = x_in.contiguous();
  const at::Tensor y = at::empty({x.size(0), g.channels * kernel * kernel}, x.options());
  if (y.numel() == 0) return y;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_element(rows::element_of(x, "x"), [&](auto type) {
    using T = typename decltype(type)::Type;
    gather_kernel<T><<<blocks_for(y.numel(), kThreads), kThreads, 0, stream>>>(
        static_cast<const T*>(x.const_data_ptr()), static_cast<T*>(y.mutable_data_ptr()), g,
        y.numel());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

at::Tensor patches_backward(const at::Tensor& grad_in, int64_t height, int64_t width,
                            int64_t kernel) {
  const c10::cuda::CUDAGuard guard(grad_in.device());
  const Grid g = check_arguments(grad_in, height, width, kernel, true);
  const at::Tensor grad = grad_in.contiguous();
  const at::Tensor dx = at::empty({grad.size(0), g.channels}, grad.options());
  if (dx.numel() == 0) return dx;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_element(rows::element_of(grad, "grad"), [&](auto type) {
    using T = typename decltype(type)::Type;
    scatter_kernel<T><<<blocks_for(dx.numel(), kThreads), kThreads, 0, stream>>>(
        static_cast<const T*>(grad.const_data_ptr()), static_cast<T*>(dx.mutable_data_ptr()), g,
        dx.numel());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return dx;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("_patches", TORCH_FN(patches));
  m.impl("_patches_backward", TORCH_FN(patches_backward));
}

} // namespace anneal::patches
