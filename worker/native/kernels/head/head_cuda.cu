// _head_rows_ of head.h on CUDA: one block a row, two passes over the logits, 16 bytes at a time:
// the first finds the largest, the sum of exponentials and the label's logit, the second overwrites
// logits with their gradient. The products around it are libtorch's (head_libtorch.cc).

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <tuple>

#include "../device.cuh"
#include "head.h"

namespace anneal::head {

namespace {

using namespace device;

// Largest value so far and the sum of exp(value - largest).
template <class S> struct Online {
  S largest, sum;
};

template <class S> __device__ Online<S> merge(Online<S> a, Online<S> b) {
  const S top = a.largest > b.largest ? a.largest : b.largest;
  if (top == -INFINITY) return {top, a.sum + b.sum};
  return {top, a.sum * exp(a.largest - top) + b.sum * exp(b.largest - top)};
}

// The same in every thread, merged in an order that does not vary.
template <class S> __device__ Online<S> block_merge(Online<S> mine) {
  __shared__ S largest[kThreads / kWarp], sum[kThreads / kWarp];
  for (int by = kWarp / 2; by > 0; by /= 2)
    mine = merge(mine, {__shfl_xor_sync(0xffffffffu, mine.largest, by), __shfl_xor_sync(0xffffffffu, mine.sum, by)});
  __syncthreads(); // an earlier row may still be read
  if (threadIdx.x % kWarp == 0) {
    largest[threadIdx.x / kWarp] = mine.largest;
    sum[threadIdx.x / kWarp] = mine.sum;
  }
  __syncthreads();
  Online<S> all{largest[0], sum[0]};
  for (int i = 1; i < kThreads / kWarp; ++i) all = merge(all, {largest[i], sum[i]});
  return all;
}

// The sum with n more values, of which `left` are there; one exponential a value, and one more
// where there is a larger one.
template <int n, class S> __device__ void take(Online<S>& mine, const S* x, int64_t left) {
  S top = mine.largest;
  for (int j = 0; j < n; ++j) top = j < left && x[j] > top ? x[j] : top;
  if (top > mine.largest) mine.sum *= exp(mine.largest - top);
  mine.largest = top;
  for (int j = 0; j < n; ++j)
    if (j < left && x[j] != -INFINITY) mine.sum += exp(x[j] - top); // a NaN stays
}

template <class S> struct Rule {
  S cap, smoothing, z_loss;
  bool need_grad;
};

template <class T>
__global__ void rows_kernel(T* u, const int64_t* labels,
                            const typename Arithmetic<T>::Type* factors, int64_t rows,
                            int64_t vocabulary, Rule<typename Arithmetic<T>::Type> rule,
                            typename Arithmetic<T>::Type* nlls,
                            typename Arithmetic<T>::Type* losses, bool* hits, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = pack_of<T>();
  const auto logit = [&](S x) { return rule.cap > 0 ? rule.cap * tanh(x / rule.cap) : x; };
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    T* z = u + row * vocabulary;
    // The host cannot look at labels without waiting: one that is no row of the vocabulary makes
    // its own row NaN, and nothing is read.
    const int64_t label = labels[row];
    const bool is_known = label >= 0 && label < vocabulary;
    Online<S> mine{-INFINITY, 0};
    S total = 0;
    for (int64_t i = threadIdx.x * n; i < vocabulary; i += kThreads * n) {
      const auto some = read_pack<n>(z + i, vocabulary - i, aligned);
      S x[n];
      for (int j = 0; j < n; ++j) {
        x[j] = logit(load(some.at[j]));
        total += x[j]; // zeros behind the end
      }
      take<n>(mine, x, vocabulary - i);
    }
    const Online<S> all = block_merge(mine);
    if (rule.smoothing > 0) total = block_sum(total);
    const S lse = all.largest + log(all.sum);
    const S at_label = is_known ? logit(load(z[label])) : static_cast<S>(NAN);
    if (threadIdx.x == 0) {
      const S nll = lse - at_label;
      const S smooth =
          rule.smoothing > 0 ? rule.smoothing * (lse - total / static_cast<S>(vocabulary)) : 0;
      nlls[row] = nll;
      losses[row] = (1 - rule.smoothing) * nll + smooth + rule.z_loss * lse * lse;
      hits[row] = at_label >= all.largest;
    }
    if (!rule.need_grad) continue;
    __syncthreads(); // the label's logit is read by all before it is overwritten
    const S by = 1 + 2 * rule.z_loss * lse, minus = rule.smoothing / static_cast<S>(vocabulary);
    for (int64_t i = threadIdx.x * n; i < vocabulary; i += kThreads * n) {
      auto some = read_pack<n>(z + i, vocabulary - i, aligned);
      for (int j = 0; j < n; ++j) {
        const S x = logit(load(some.at[j]));
        S g = exp(x - lse) * by - minus - (i + j == label ? 1 - rule.smoothing : 0);
        if (rule.cap > 0) g *= 1 - (x / rule.cap) * (x / rule.cap);
        store(some.at[j], is_known ? g * factors[row] : at_label);
      }
      write_pack(z + i, some, vocabulary - i, aligned);
    }
  }
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> head_rows_(at::Tensor& u, const at::Tensor& labels,
                                                          const at::Tensor& factor, double cap,
                                                          double smoothing, double z_loss,
                                                          bool need_grad) {
  TORCH_CHECK(u.dim() == 2 && u.is_contiguous(), "u has the shape ", u.sizes(),
              "; it must be contiguous [rows, vocabulary]");
  TORCH_CHECK(labels.is_contiguous() && labels.size(0) == u.size(0) &&
                  labels.scalar_type() == at::kLong,
              "labels must be contiguous int64, one a row");
  const c10::cuda::CUDAGuard guard(u.device());
  const auto wide = rows::arithmetic_of(u);
  const at::Tensor factors = factor.to(wide).contiguous();
  const at::Tensor nll = at::empty({u.size(0)}, u.options().dtype(wide));
  const at::Tensor loss = at::empty({u.size(0)}, u.options().dtype(wide));
  const at::Tensor hit = at::empty({u.size(0)}, u.options().dtype(at::kBool));
  if (u.size(0) == 0) return {nll, loss, hit};
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const unsigned blocks = blocks_for(u.size(0), 1);
  with_element(rows::element_of(u, "u"), [&](auto type) {
    using T = typename decltype(type)::Type;
    using S = typename Arithmetic<T>::Type;
    const Rule<S> rule{static_cast<S>(cap), static_cast<S>(smoothing), static_cast<S>(z_loss),
                       need_grad};
    rows_kernel<T><<<blocks, kThreads, 0, stream>>>(
        static_cast<T*>(u.mutable_data_ptr()), labels.const_data_ptr<int64_t>(),
        static_cast<const S*>(factors.const_data_ptr()), u.size(0), u.size(1), rule,
        static_cast<S*>(nll.mutable_data_ptr()), static_cast<S*>(loss.mutable_data_ptr()),
        hit.mutable_data_ptr<bool>(), are_aligned({u.const_data_ptr()}) && u.size(1) % pack_of<T>() == 0);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {nll, loss, hit};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("_head_rows_", TORCH_FN(head_rows_)); }

} // namespace anneal::head
