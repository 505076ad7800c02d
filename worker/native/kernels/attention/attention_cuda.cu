// CUDA entry of attention: libtorch's flash attention where that applies (flash.h), else ours,
// which is written for correctness on every architecture, without tensor cores. Heads of 1 to 256
// values; `cu` lies on the same device and is trusted (reading it would wait for the GPU).

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "attention_arguments.h"
#include "attention_backward.cuh"
#include "attention_forward.cuh"
#include "flash.cuh"

namespace anneal::attention {

namespace {

PackedSequence sequence_of(const at::Tensor& cu, const at::Tensor& q) {
  TORCH_CHECK(cu.dim() == 1 && cu.numel() >= 1 && cu.scalar_type() == at::kInt && cu.is_contiguous(),
              "cu is ", cu.scalar_type(), " ", cu.sizes(), "; it must be int32 [documents + 1]");
  TORCH_CHECK(cu.device() == q.device(), "cu is on ", cu.device(), " and q on ", q.device(),
              "; they must be on one device");
  TORCH_CHECK(q.size(0) <= INT32_MAX / 2, "q has ", q.size(0), " tokens; at most 2^30 are possible");
  return {cu.const_data_ptr<int32_t>(), static_cast<int>(cu.numel()) - 1,
          static_cast<int>(q.size(0))};
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
                                           double scale, int64_t window, double cap) {
  const c10::cuda::CUDAGuard guard(q_in.device());
  check(q_in, k_in, v_in, window, cap);
  const at::Tensor q = dense_last(q_in), k = dense_last(k_in), v = dense_last(v_in);
  const PackedSequence sequence = sequence_of(cu, q);
  const FlashCall call{q, k, v, cu, scale, window};
  if (q.numel() > 0 && goes_to_flash(call, cap)) return forward_by_flash(call);
  const at::Tensor out = at::empty(q.sizes(), q.options());
  const auto sums = q.options().dtype(rows::arithmetic_of(q));
  const at::Tensor lse = at::empty({q.size(0), q.size(1)}, sums);
  if (q.numel() == 0) return {out, lse};
  const Problem p = problem_of(q, k, v, out, lse, scale, window, cap);
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_shape(rows::element_of(q, "q"), p.size, [&](auto type, auto shape) {
    using T = typename decltype(type)::Type;
    constexpr int rows = kWarps * decltype(shape)::kRows;
    const auto kernel = forward_kernel<T, decltype(shape)::kChunks, decltype(shape)::kRows>;
    const size_t bytes = ForwardShared<T>(rows, p.size).bytes(p.size);
    allow_shared(kernel, bytes);
    kernel<<<grid_of(sequence.tokens, rows, p.heads), kThreads, bytes, stream>>>(p, sequence);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {out, lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor>
backward(const at::Tensor& grad_in, const at::Tensor& q_in, const at::Tensor& k_in,
         const at::Tensor& v_in, const at::Tensor& out, const at::Tensor& lse_in,
         const at::Tensor& cu, double scale, int64_t window, double cap) {
  const c10::cuda::CUDAGuard guard(q_in.device());
  check(q_in, k_in, v_in, window, cap);
  const at::Tensor q = dense_last(q_in), k = dense_last(k_in), v = dense_last(v_in);
  const at::Tensor grad = grad_in.contiguous();
  const PackedSequence sequence = sequence_of(cu, q);
  const FlashCall call{q, k, v, cu, scale, window};
  if (q.numel() > 0 && goes_to_flash(call, cap)) return backward_by_flash(call, grad, out, lse_in);
  const at::Tensor lse = lse_in.contiguous();
  const at::Tensor dq = at::empty(q.sizes(), q.options());
  const at::Tensor dk = at::empty(k.sizes(), k.options());
  const at::Tensor dv = at::empty(v.sizes(), v.options());
  if (q.numel() == 0) return {dq, dk, dv};
  const at::Tensor delta = at::empty(lse.sizes(), lse.options());
  Backward p{problem_of(q, k, v, out, lse, scale, window, cap),
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
    by_query<<<grid_of(sequence.tokens, rows, p.heads), kThreads, bytes, stream>>>(p, sequence);
    by_key<<<grid_of(sequence.tokens, rows, p.kv_heads), kThreads, bytes, stream>>>(p, sequence);
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
