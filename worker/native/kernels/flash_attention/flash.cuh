// libtorch's flash attention over packed documents in the place of ours. It has not run on a GPU
// yet: the emulated device has one that computes what its contract says (flash.cc there).
//
// Lengths of documents lie on the device, so it is told that one may be as long as all tokens; a
// block of threads behind the end of its document ends at once. Rows outside of all documents are
// never written, and cleared here; it writes zeros itself where the other side of a document is
// empty.
#pragma once

#include <ATen/Context.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <tuple>

#include "../attention/attention_arguments.h"
#include "../device.cuh"
#include "flash.h"

namespace anneal::attention {

using namespace device;
using at::Tensor;

// How many keys to the left of a query, and to its right; none: as many as there are.
inline std::optional<int64_t> left_of(const Arguments& a) {
  return a.window > 0 ? std::optional<int64_t>(a.window - 1) : std::nullopt;
}
inline std::optional<int64_t> right_of(const Arguments& a) {
  return a.window > 0 ? std::optional<int64_t>(0) : std::nullopt;
}

// Sums over keys have one order, as ours have: without it gradients of queries are added by atomic
// operations.
class Deterministic {
public:
  Deterministic() : was_(at::globalContext().deterministicAlgorithms()), warned_(at::globalContext().deterministicAlgorithmsWarnOnly()) {
    at::globalContext().setDeterministicAlgorithms(true, false);
  }
  ~Deterministic() { at::globalContext().setDeterministicAlgorithms(was_, warned_); }
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;

private:
  bool was_, warned_;
};

// Rows of [tokens, width] before the first and behind the last document become zero.
template <class T> __global__ void clear_outside(T* rows, const int32_t* cu, int64_t documents, int64_t tokens, int64_t width) {
  const int64_t from = cu[0], to = cu[documents], before = from * width;
  const int64_t count = before + (tokens - to) * width;
  for (int64_t i = first_index(); i < count; i += index_stride())
    store(rows[i < before ? i : to * width + i - before], 0);
}

template <class T> void clear(const Tensor& rows, const Tensor& cu) {
  const int64_t tokens = rows.size(0), width = rows.numel() / tokens;
  clear_outside<T><<<blocks_for(rows.numel(), kThreads * 16), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      static_cast<T*>(rows.mutable_data_ptr()), cu.const_data_ptr<int32_t>(), cu.numel() - 1, tokens, width);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// out [tokens, heads, size] and lse as ours, [tokens, heads], a view of its [heads, tokens].
inline std::tuple<Tensor, Tensor> forward_by_flash(const Arguments& a) {
  const int64_t tokens = a.q.size(0);
  auto [out, lse, seed, unused, mask] = at::_flash_attention_forward(
      a.q, a.k, a.v, a.cu, a.cu_k, tokens, a.k.size(0), 0.0, a.causal, /*return_debug_mask=*/false,
      a.scale, left_of(a), right_of(a));
  TORCH_CHECK(lse.dim() == 2 && lse.size(0) == a.q.size(1) && lse.size(1) == tokens,
              "flash attention gave sums of the shape ", lse.sizes(), "; [heads, tokens] is expected");
  clear<Bf16>(out, a.cu);
  const Tensor sums = lse.t();
  return {out, sums};
}

inline std::tuple<Tensor, Tensor, Tensor> backward_by_flash(const Arguments& a, const Tensor& grad, const Tensor& out,
                                                            const Tensor& lse) {
  const Deterministic deterministic;
  const Tensor none = at::empty({2}, a.cu.options().dtype(at::kLong)); // of dropout, which there is none of
  auto [dq, dk, dv] = at::_flash_attention_backward(
      grad, a.q, a.k, a.v, out, lse.t().contiguous(), a.cu, a.cu_k, a.q.size(0), a.k.size(0), 0.0, a.causal,
      none, none, a.scale, left_of(a), right_of(a));
  clear<Bf16>(dq, a.cu);
  for (const Tensor& gradient : {dk, dv}) clear<Bf16>(gradient, a.cu_k);
  return {dq, dk, dv};
}

// Whether this libtorch was built with it: asked once, with one token.
inline bool has_flash(const Tensor& like) {
  static const bool has = [&] {
    const Tensor one = at::zeros({1, 1, 8}, like.options()), cu = at::arange(2, like.options().dtype(at::kInt));
    try {
      forward_by_flash({one, one, one, cu, cu, 1, 0, 0, true});
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return has;
}

inline bool is_aligned(const Tensor& x) {
  return are_aligned({x.const_data_ptr()}) && x.stride(0) % 8 == 0 && x.stride(1) % 8 == 0;
}

inline bool goes_to_flash(const Arguments& a) {
  if (a.q.numel() == 0 || a.k.numel() == 0) return false;
  const bool aligned = is_aligned(a.q) && is_aligned(a.k) && is_aligned(a.v);
  const bool takes = flash_takes({a.q.scalar_type() == at::kBFloat16, a.q.size(2), a.cu.numel() - 1, a.cap, aligned, capability()});
  return takes && has_flash(a.q);
}

} // namespace anneal::attention
