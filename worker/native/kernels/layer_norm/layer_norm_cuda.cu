// CUDA entry of layer_norm: a block of threads walks a row, three times forwards and twice back.

#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../rows/packed_rows.cuh"
#include "layer_norm_arguments.h"

namespace anneal::layer_norm {

namespace {

using namespace device;

template <class T> constexpr int kPack = pack_of<T>();

// After the first time a row comes from a cache.
template <class T> __global__ void forward_kernel(Forward f, int64_t count, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = kPack<T>;
  const S* weight = static_cast<const S*>(f.weight);
  const S* bias = static_cast<const S*>(f.bias);
  const S size = static_cast<S>(f.size);
  for (int64_t r = blockIdx.x; r < count; r += gridDim.x) {
    const T* x = rows::row<const T>(f.x, r);
    T* y = static_cast<T*>(f.y) + r * f.size;
    S total = 0;
    for (int64_t i = threadIdx.x * n; i < f.size; i += kThreads * n) {
      const auto some = read_pack<n>(x + i, f.size - i, aligned);
      for (int j = 0; j < n; ++j) total += load(some.at[j]);
    }
    const S mean = block_sum(total) / size;
    S squares = 0;
    for (int64_t i = threadIdx.x * n; i < f.size; i += kThreads * n) {
      const auto some = read_pack<n>(x + i, f.size - i, aligned);
      for (int j = 0; j < n; ++j) {
        const S off = i + j < f.size ? load(some.at[j]) - mean : 0;
        squares += off * off;
      }
    }
    const S rstd = 1 / sqrt(block_sum(squares) / size + static_cast<S>(f.eps));
    if (threadIdx.x == 0) {
      static_cast<S*>(f.mean)[r] = mean;
      static_cast<S*>(f.rstd)[r] = rstd;
    }
    for (int64_t i = threadIdx.x * n; i < f.size; i += kThreads * n) {
      auto some = read_pack<n>(x + i, f.size - i, aligned);
      const auto w = read_pack<n>(weight + i, f.size - i, aligned);
      const auto b = read_pack<n>(bias + i, f.size - i, aligned);
      for (int j = 0; j < n; ++j)
        store(some.at[j], (load(some.at[j]) - mean) * rstd * w.at[j] + b.at[j]);
      write_pack(y + i, some, f.size - i, aligned);
    }
  }
}

// One block of threads a group of rows; a thread owns columns of the sums [2, size], so they run in
// the order of the rows.
template <class T>
__global__ void backward_kernel(Backward b, void* sums, int64_t group, int64_t count, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = kPack<T>;
  const S* weight = static_cast<const S*>(b.weight);
  const S size = static_cast<S>(b.size);
  const bool need = sums != nullptr;
  S* dweight = need ? static_cast<S*>(sums) + blockIdx.x * 2 * b.size : nullptr;
  S* dbias = need ? dweight + b.size : nullptr;
  const int64_t first = blockIdx.x * group;
  const int64_t end = first + group < count ? first + group : count;
  for (int64_t r = first; r < end; ++r) {
    const T* x = rows::row<const T>(b.x, r);
    const T* grad = rows::row<const T>(b.grad, r);
    T* dx = static_cast<T*>(b.dx) + r * b.size;
    const S mean = static_cast<const S*>(b.mean)[r], rstd = static_cast<const S*>(b.rstd)[r];
    S totals = 0, dots = 0;
    for (int64_t i = threadIdx.x * n; i < b.size; i += kThreads * n) {
      const int64_t left = b.size - i;
      const auto xs = read_pack<n>(x + i, left, aligned), dys = read_pack<n>(grad + i, left, aligned);
      const auto w = read_pack<n>(weight + i, left, aligned);
      Pack<S, n> by_weight{}, by_bias{};
      if (need && r > first) {
        by_weight = read_pack<n>(dweight + i, left, aligned);
        by_bias = read_pack<n>(dbias + i, left, aligned);
      }
      for (int j = 0; j < n; ++j) {
        const S normal = (load(xs.at[j]) - mean) * rstd, dy = load(dys.at[j]);
        totals += dy * w.at[j];
        dots += dy * w.at[j] * normal;
        by_weight.at[j] += dy * normal;
        by_bias.at[j] += dy;
      }
      if (need) {
        write_pack(dweight + i, by_weight, left, aligned);
        write_pack(dbias + i, by_bias, left, aligned);
      }
    }
    const S total = block_sum(totals) / size;
    const S dot = block_sum(dots) / size;
    for (int64_t i = threadIdx.x * n; i < b.size; i += kThreads * n) {
      const int64_t left = b.size - i;
      auto xs = read_pack<n>(x + i, left, aligned);
      const auto dys = read_pack<n>(grad + i, left, aligned);
      const auto w = read_pack<n>(weight + i, left, aligned);
      for (int j = 0; j < n; ++j) {
        const S normal = (load(xs.at[j]) - mean) * rstd;
        store(xs.at[j], (load(dys.at[j]) * w.at[j] - total - normal * dot) * rstd);
      }
      write_pack(dx + i, xs, left, aligned);
    }
  }
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& weight,
                                                       const at::Tensor& bias, double eps) {
  const c10::cuda::CUDAGuard guard(x.device());
  const ForwardArguments a = forward_arguments(x, weight, bias, eps);
  if (a.count > 0) {
    const auto stream = c10::cuda::getCurrentCUDAStream();
    with_element(a.element, [&](auto type) {
      using T = typename decltype(type)::Type;
      const bool aligned = rows::are_packed(a.forward.x, a.forward.size, kPack<T>) &&
                           are_aligned({a.forward.y, a.forward.weight, a.forward.bias});
      forward_kernel<T><<<blocks_for(a.count, 1), kThreads, 0, stream>>>(a.forward, a.count, aligned);
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  return {a.y, a.mean, a.rstd};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& grad, const at::Tensor& x,
                                                        const at::Tensor& weight,
                                                        const at::Tensor& mean,
                                                        const at::Tensor& rstd, bool need_weight) {
  const c10::cuda::CUDAGuard guard(x.device());
  const BackwardArguments a = backward_arguments(grad, x, weight, mean, rstd);
  // Rows of a group run one after the other; 1,024 groups fill the largest GPU.
  const int64_t group = need_weight ? std::max<int64_t>(1, (a.count + 1023) / 1024) : 1;
  const int64_t groups = (a.count + group - 1) / group;
  TORCH_CHECK(groups <= INT32_MAX, "x has ", a.count, " rows; it must be at most 2^31 - 1");
  at::Tensor parts;
  if (need_weight) parts = at::empty({groups, 2, x.size(-1)}, a.weight.options());
  if (a.count > 0) {
    const auto stream = c10::cuda::getCurrentCUDAStream();
    void* sums = need_weight ? parts.mutable_data_ptr() : nullptr;
    with_element(a.element, [&](auto type) {
      using T = typename decltype(type)::Type;
      const Backward& b = a.backward;
      const bool aligned = rows::are_packed(b.x, b.size, kPack<T>) &&
                           rows::are_packed(b.grad, b.size, kPack<T>) &&
                           are_aligned({b.dx, b.weight, sums});
      backward_kernel<T><<<static_cast<unsigned>(groups), kThreads, 0, stream>>>(b, sums, group,
                                                                                 a.count, aligned);
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  if (!need_weight) return {a.dx, at::Tensor(), at::Tensor()};
  const at::Tensor both = parts.sum(0).to(weight.scalar_type());
  return {a.dx, both[0], both[1]};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("_layer_norm_forward", TORCH_FN(forward));
  m.impl("_layer_norm_backward", TORCH_FN(backward));
}

} // namespace anneal::layer_norm
