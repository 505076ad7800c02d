// CUDA entry of rms_norm: a block of threads walks a row, twice.

#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../rows/packed_rows.cuh"
#include "rms_norm_arguments.h"

namespace anneal::rms_norm {

namespace {

using namespace device;

template <class T> constexpr int kPack = pack_of<T>();

// The second time a row comes from a cache.
template <class T> __global__ void forward_kernel(Forward f, int64_t count, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = kPack<T>;
  const S* weight = static_cast<const S*>(f.weight);
  const S offset = static_cast<S>(f.offset);
  for (int64_t r = blockIdx.x; r < count; r += gridDim.x) {
    const T* x = rows::row<const T>(f.x, r);
    T* y = static_cast<T*>(f.y) + r * f.size;
    S squares = 0;
    for (int64_t i = threadIdx.x * n; i < f.size; i += kThreads * n) {
      const auto some = read_pack<n>(x + i, f.size - i, aligned);
      for (int j = 0; j < n; ++j) squares += load(some.at[j]) * load(some.at[j]);
    }
    const S mean = block_sum(squares) / static_cast<S>(f.size);
    const S rstd = 1 / sqrt(mean + static_cast<S>(f.eps));
    if (threadIdx.x == 0) static_cast<S*>(f.rstd)[r] = rstd;
    for (int64_t i = threadIdx.x * n; i < f.size; i += kThreads * n) {
      auto some = read_pack<n>(x + i, f.size - i, aligned);
      const auto w = read_pack<n>(weight + i, f.size - i, aligned);
      for (int j = 0; j < n; ++j) {
        const S normal = load(some.at[j]) * rstd;
        store(some.at[j], f.offset == 0 ? rounded<T>(normal) * w.at[j] : normal * (w.at[j] + offset));
      }
      write_pack(y + i, some, f.size - i, aligned);
    }
  }
}

// One block of threads a group of rows; a thread owns columns of `dweight`, so their sums run in
// the order of the rows.
template <class T>
__global__ void backward_kernel(Backward b, void* dweights, int64_t group, int64_t count,
                                bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = kPack<T>;
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
    for (int64_t i = threadIdx.x * n; i < b.size; i += kThreads * n) {
      const int64_t left = b.size - i;
      const auto xs = read_pack<n>(x + i, left, aligned), dys = read_pack<n>(grad + i, left, aligned);
      const auto w = read_pack<n>(weight + i, left, aligned);
      Pack<S, n> own{};
      if (dweight != nullptr && r > first) own = read_pack<n>(dweight + i, left, aligned);
      for (int j = 0; j < n; ++j) {
        const S normal = load(xs.at[j]) * rstd, dy = load(dys.at[j]);
        dots += dy * (w.at[j] + offset) * normal;
        own.at[j] += dy * (b.offset == 0 ? rounded<T>(normal) : normal);
      }
      if (dweight != nullptr) write_pack(dweight + i, own, left, aligned);
    }
    const S mean = block_sum(dots) / static_cast<S>(b.size);
    for (int64_t i = threadIdx.x * n; i < b.size; i += kThreads * n) {
      const int64_t left = b.size - i;
      auto xs = read_pack<n>(x + i, left, aligned);
      const auto dys = read_pack<n>(grad + i, left, aligned);
      const auto w = read_pack<n>(weight + i, left, aligned);
      for (int j = 0; j < n; ++j) {
        const S normal = load(xs.at[j]) * rstd;
        store(xs.at[j], (load(dys.at[j]) * (w.at[j] + offset) - normal * mean) * rstd);
      }
      write_pack(dx + i, xs, left, aligned);
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
      using T = typename decltype(type)::Type;
      const bool aligned = rows::are_packed(a.forward.x, a.forward.size, kPack<T>) &&
                           are_aligned({a.forward.y, a.forward.weight});
      forward_kernel<T><<<blocks_for(a.count, 1), kThreads, 0, stream>>>(a.forward, a.count, aligned);
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
      using T = typename decltype(type)::Type;
      const Backward& b = a.backward;
      const bool aligned = rows::are_packed(b.x, b.size, kPack<T>) &&
                           rows::are_packed(b.grad, b.size, kPack<T>) &&
                           are_aligned({b.dx, b.weight, dweights});
      backward_kernel<T><<<static_cast<unsigned>(groups), kThreads, 0, stream>>>(
          b, dweights, group, a.count, aligned);
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
