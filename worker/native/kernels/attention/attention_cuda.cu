// CUDA entry of attention: libtorch's flash attention where that applies (flash.h), else ours,
// which is written for correctness on every architecture, without tensor cores. Heads of 1 to 256
// values; offsets lie on the same device and are trusted (reading them would wait for the GPU).

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "../flash_attention/flash.cuh"
#include "attention_arguments.h"
#include "attention_backward.cuh"
#include "attention_forward.cuh"

namespace anneal::attention {

namespace {

int tokens_of(const at::Tensor& x, const char* name) {
  TORCH_CHECK(x.size(0) <= INT32_MAX / 2, name, " has ", x.size(0), " tokens; at most 2^30 are possible");
  return static_cast<int>(x.size(0));
}

PackedSequences sequences_of(const Arguments& a) {
  return {a.cu.const_data_ptr<int32_t>(),
          a.cu_k.const_data_ptr<int32_t>(),
          static_cast<int>(a.cu.numel()) - 1,
          tokens_of(a.q, "q"),
          tokens_of(a.k, "k"),
          a.causal,
          static_cast<int>(std::min<int64_t>(a.window, a.q.size(0)))};
}

// Lets the kernel use more than 48 KiB of shared memory where the GPU has it.
template <class Kernel> void allow_shared(Kernel kernel, size_t bytes) {
  int device = 0, most = 0;
  C10_CUDA_CHECK(cudaGetDevice(&device));
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  TORCH_CHECK(bytes <= static_cast<size_t>(most), "attention needs ", bytes,
              " bytes of shared memory for this head size and type; this GPU has ", most);
  C10_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(bytes)));
}

template <int chunks, int rows> struct Shape {
  static constexpr int kChunks = chunks;
  static constexpr int kRows = rows;
};

// body(TypeOf<T>, Shape): how many dimensions a lane owns, and rows a warp.
template <class Body> void with_shape(rows::Element element, int size, Body body) {
  TORCH_CHECK(size <= 256, "the head size is ", size, "; on a GPU it must be 1 to 256");
  with_element(element, [&](auto type) {
    if (size <= 64)
      body(type, Shape<2, 4>{});
    else if (size <= 128)
      body(type, Shape<4, 2>{});
    else
      body(type, Shape<8, 2>{});
  });
}

dim3 grid_of(int tokens, int rows, int heads) {
  return dim3(static_cast<unsigned>((tokens + rows - 1) / rows), static_cast<unsigned>(heads));
}

std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& q_in, const at::Tensor& k_in,
                                           const at::Tensor& v_in, const at::Tensor& cu,
                                           const std::optional<at::Tensor>& cu_k, double scale,
                                           int64_t window, double cap, bool causal) {
  const c10::cuda::CUDAGuard guard(q_in.device());
  const Arguments a = checked(q_in, k_in, v_in, cu, cu_k, scale, window, cap, causal);
  const PackedSequences sequences = sequences_of(a);
  if (goes_to_flash(a)) return forward_by_flash(a);
  const at::Tensor& q = a.q;
  const at::Tensor out = at::empty(q.sizes(), q.options());
  const auto sums = q.options().dtype(rows::arithmetic_of(q));
  const at::Tensor lse = at::empty({q.size(0), q.size(1)}, sums);
  if (q.numel() == 0) return {out, lse};
  const Problem p = problem_of(a, out, lse);
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_shape(rows::element_of(q, "q"), p.size, [&](auto type, auto shape) {
    using T = typename decltype(type)::Type;
    constexpr int rows = kWarps * decltype(shape)::kRows;
    const auto kernel = forward_kernel<T, decltype(shape)::kChunks, decltype(shape)::kRows>;
    const size_t bytes = ForwardShared<T>(rows, p.size).bytes(p.size);
    allow_shared(kernel, bytes);
    kernel<<<grid_of(sequences.tokens, rows, p.heads), kThreads, bytes, stream>>>(p, sequences);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {out, lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor>
backward(const at::Tensor& grad_in, const at::Tensor& q_in, const at::Tensor& k_in,
         const at::Tensor& v_in, const at::Tensor& out, const at::Tensor& lse_in,
         const at::Tensor& cu, const std::optional<at::Tensor>& cu_k, double scale, int64_t window,
         double cap, bool causal) {
  const c10::cuda::CUDAGuard guard(q_in.device());
  const Arguments a = checked(q_in, k_in, v_in, cu, cu_k, scale, window, cap, causal);
  const PackedSequences sequences = sequences_of(a);
  const at::Tensor grad = grad_in.contiguous();
  if (goes_to_flash(a)) return backward_by_flash(a, grad, out, lse_in);
  const at::Tensor& q = a.q;
  const at::Tensor lse = lse_in.contiguous();
  if (q.numel() == 0 || a.k.numel() == 0)
    return {at::zeros(q.sizes(), q.options()), at::zeros(a.k.sizes(), q.options()),
            at::zeros(a.v.sizes(), q.options())};
  const at::Tensor dq = at::empty(q.sizes(), q.options());
  const at::Tensor dk = at::empty(a.k.sizes(), q.options());
  const at::Tensor dv = at::empty(a.v.sizes(), q.options());
  const at::Tensor delta = at::empty(lse.sizes(), lse.options());
  Backward p{problem_of(a, out, lse),
             grad.const_data_ptr(),
             delta.const_data_ptr(),
             dq.mutable_data_ptr(),
             static_cast<int>(q.size(2)),
             dk.mutable_data_ptr(),
             dv.mutable_data_ptr(),
             nullptr};
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_shape(rows::element_of(q, "q"), p.size, [&](auto type, auto shape) {
    using T = typename decltype(type)::Type;
    constexpr int rows = kWarps * decltype(shape)::kRows;
    const int64_t all = lse.numel();
    delta_kernel<T><<<blocks_for(all, kWarps), kThreads, 0, stream>>>(
        static_cast<const T*>(p.grad), static_cast<const T*>(out.const_data_ptr()),
        delta.mutable_data_ptr(), p.size, all);
    const size_t bytes = BackwardShared<T>(rows, p.size).bytes(p.size);
    const auto by_query = dq_kernel<T, decltype(shape)::kChunks, decltype(shape)::kRows>;
    const auto by_key = dkv_kernel<T, decltype(shape)::kChunks, decltype(shape)::kRows>;
    allow_shared(by_query, bytes);
    allow_shared(by_key, bytes);
    by_query<<<grid_of(sequences.tokens, rows, p.heads), kThreads, bytes, stream>>>(p, sequences);
    by_key<<<grid_of(sequences.key_tokens, rows, p.kv_heads), kThreads, bytes, stream>>>(p, sequences);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {dq, dk, dv};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("_attention_forward", TORCH_FN(forward));
  m.impl("_attention_backward", TORCH_FN(backward));
}

} // namespace anneal::attention
