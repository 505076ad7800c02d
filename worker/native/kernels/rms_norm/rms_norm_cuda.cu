// CUDA entry of rms_norm: a block of threads walks a row, twice.

#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <torch/library.h>

#include "../device.cuh"
#include "rms_norm_arguments.h"

namespace anneal::rms_norm {

namespace {

using namespace device;

template <class T> __global__ void forward_kernel(Forward f, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(f.weight);
  const S offset = static_cast<S>(f.offset);
  for (int64_t r = blockIdx.x; r < count; r += gridDim.x) {
    const T* x = rows::row<const T>(f.x, r);
    T* y = static_cast<T*>(f.y) + r * f.size;
    S squares = 0;
    for (int64_t i = threadIdx.x; i < f.size; i += kThreads) {
      const S value = load(x[i]);
      squares += value * value;
    }
    const S mean = block_sum(squares) / static_cast<S>(f.size);
    const S rstd = 1 / sqrt(mean + static_cast<S>(f.eps));
    if (threadIdx.x == 0) static_cast<S*>(f.rstd)[r] = rstd;
    for (int64_t i = threadIdx.x; i < f.size; i += kThreads) {
      const S normal = load(x[i]) * rstd;
      store(y[i], f.offset == 0 ? rounded<T>(normal) * weight[i] : normal * (weight[i] + offset));
    }
  }
}

// One block of threads a group of rows; a thread owns columns of `dweight`, so their sums run in
// the order of the rows.
template <class T>
__global__ void backward_kernel(Backward b, void* dweights, int64_t group, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(b.weight);
  const S offset = static_cast<S>(b.offset);
  S* dweight = dweights == nullptr ? nullptr : static_cast<S*>(dweights) + blockIdx.x * b.size;
  const int64_t first = blockIdx.x * group;
  const int64_t end = first + group < count ? first + group : count;
  for (int64_t r = first; r < end; ++r) {
    const T* x = rows::row<const T>(b.x, r);
    const T* grad = rows::row<const T>(b.grad, r);
    T* dx = static_cast<T*>(b.dx) + r * b.size;
    const S rstd = static_cast<const S*>(b.rstd)[r];
    S dots = 0;
    for (int64_t i = threadIdx.x; i < b.size; i += kThreads) {
      const S normal = load(x[i]) * rstd;
      const S dy = load(grad[i]);
      dots += dy * (weight[i] + offset) * normal;
      if (dweight != nullptr) {
        const S before = r == first ? 0 : dweight[i];
        dweight[i] = before + dy * (b.offset == 0 ? rounded<T>(normal) : normal);
      }
    }
    const S mean = block_sum(dots) / static_cast<S>(b.size);
    for (int64_t i = threadIdx.x; i < b.size; i += kThreads) {
      const S normal = load(x[i]) * rstd;
      store(dx[i], (load(grad[i]) * (weight[i] + offset) - normal * mean) * rstd);
    }
  }
}

std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& weight, double eps,
                                           double offset) {
  const c10::cuda::CUDAGuard guard(x.device());
  const ForwardArguments a = forward_arguments(x, weight, eps, offset);
  if (a.count > 0) {
    const auto stream = c10::cuda::getCurrentCUDAStream();
    with_element(a.element, [&](auto type) {
      forward_kernel<typename decltype(type)::Type>
          <<<blocks_for(a.count, 1), kThreads, 0, stream>>>(a.forward, a.count);
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  return {a.y, a.rstd};
}

std::tuple<at::Tensor, at::Tensor> backward(const at::Tensor& grad, const at::Tensor& x,
                                            const at::Tensor& weight, const at::Tensor& rstd,
                                            double offset, bool need_weight) {
  const c10::cuda::CUDAGuard guard(x.device());
  const BackwardArguments a = backward_arguments(grad, x, weight, rstd, offset);
  // Rows of a group run one after the other; 1,024 groups fill the largest GPU.
  const int64_t group = need_weight ? std::max<int64_t>(1, (a.count + 1023) / 1024) : 1;
  const int64_t groups = (a.count + group - 1) / group;
  TORCH_CHECK(groups <= INT32_MAX, "x has ", a.count, " rows; it must be at most 2^31 - 1");
  at::Tensor parts;
  if (need_weight) parts = at::empty({groups, x.size(-1)}, a.weight.options());
  if (a.count > 0) {
    const auto stream = c10::cuda::getCurrentCUDAStream();
    void* dweights = need_weight ? parts.mutable_data_ptr() : nullptr;
    with_element(a.element, [&](auto type) {
      backward_kernel<typename decltype(type)::Type>
          <<<static_cast<unsigned>(groups), kThreads, 0, stream>>>(a.backward, dweights, group,
                                                                  a.count);
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  if (!need_weight) return {a.dx, at::Tensor()};
  return {a.dx, parts.sum(0).to(weight.scalar_type())};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("_rms_norm_forward", TORCH_FN(forward));
  m.impl("_rms_norm_backward", TORCH_FN(backward));
}

} // namespace anneal::rms_norm
