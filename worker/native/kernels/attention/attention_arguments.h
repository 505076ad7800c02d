// Arguments of attention, checked, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <optional>

#include "../rows/rows_of.h"
#include "attention.h"
#include "tiles.h"

namespace anneal::attention {

struct Arguments {
  at::Tensor q, k, v;   // the last dimension is dense
  at::Tensor cu, cu_k;  // one tensor where keys lie as queries do
  double scale;
  int64_t window;
  double cap;
  bool causal;
};

inline at::Tensor dense_last(const at::Tensor& x) {
  return x.stride(2) == 1 || x.size(2) == 1 ? x : x.contiguous();
}

inline View view_of(const at::Tensor& x) { return {x.const_data_ptr(), x.stride(0), x.stride(1)}; }

inline void check_offsets(const at::Tensor& cu, const char* name, const at::Tensor& q) {
  TORCH_CHECK(cu.dim() == 1 && cu.numel() >= 1 && cu.scalar_type() == at::kInt && cu.is_contiguous(),
              name, " is ", cu.scalar_type(), " ", cu.sizes(), "; it must be int32 [documents + 1]");
  TORCH_CHECK(cu.device() == q.device(), name, " is on ", cu.device(), " and q on ", q.device(),
              "; they must be on one device");
}

inline Arguments checked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& cu,
                         const std::optional<at::Tensor>& cu_k, double scale, int64_t window, double cap,
                         bool causal) {
  TORCH_CHECK(q.dim() == 3, "q has the shape ", q.sizes(), "; it must be [tokens, heads, size]");
  TORCH_CHECK(k.dim() == 3 && k.size(2) == q.size(2), "k has the shape ", k.sizes(),
              "; it must be [tokens, kv heads, ", q.size(2), "]");
  TORCH_CHECK(cu_k || k.size(0) == q.size(0), "k has ", k.size(0), " tokens and q has ", q.size(0),
              "; other numbers of them need cu_k, the offsets of the keys' documents");
  TORCH_CHECK(v.sizes() == k.sizes(), "v has the shape ", v.sizes(), "; it must be k's, ",
              k.sizes());
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(),
              "q, k and v are ", q.scalar_type(), ", ", k.scalar_type(), " and ", v.scalar_type(),
              "; they must be alike");
  TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "q has ", q.size(1), " heads and k has ",
              k.size(1), "; the first must be a multiple of the second");
  TORCH_CHECK(q.size(2) >= 1 && q.size(2) <= 512, "the head size is ", q.size(2),
              "; it must be 1 to 512");
  TORCH_CHECK(window >= 0, "window is ", window, "; it must be positive, or 0 for none");
  TORCH_CHECK(cap >= 0, "cap is ", cap, "; it must be positive, or 0 for none");
  TORCH_CHECK(causal || window == 0, "window is ", window,
              " and attention is not causal; a window looks back from a query, so it needs causal");
  TORCH_CHECK(!causal || !cu_k, "attention is causal and has cu_k, offsets of the keys; keys have "
              "no order beside queries of other documents, so cu_k needs causal to be false");
  check_offsets(cu, "cu", q);
  if (cu_k) {
    check_offsets(*cu_k, "cu_k", q);
    TORCH_CHECK(cu_k->numel() == cu.numel(), "cu_k has ", cu_k->numel() - 1, " documents and cu has ",
                cu.numel() - 1, "; they pair by index, so they must be as many");
  }
  return {dense_last(q), dense_last(k), dense_last(v), cu, cu_k.value_or(cu), scale, window, cap, causal};
}

inline Problem problem_of(const Arguments& a, const at::Tensor& out, const at::Tensor& lse) {
  Problem p{};
  p.q = view_of(a.q);
  p.k = view_of(a.k);
  p.v = view_of(a.v);
  p.heads = static_cast<int>(a.q.size(1));
  p.kv_heads = static_cast<int>(a.k.size(1));
  p.size = static_cast<int>(a.q.size(2));
  p.scale = a.scale;
  p.causal = a.causal;
  p.window = static_cast<int>(std::min<int64_t>(a.window, a.q.size(0)));
  p.cap = a.cap;
  p.out = out.data_ptr();
  p.lse = lse.data_ptr();
  return p;
}

} // namespace anneal::attention
