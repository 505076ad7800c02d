// Arguments of attention, checked, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "../rows/rows_of.h"
#include "attention.h"
#include "tiles.h"

namespace anneal::attention {

inline at::Tensor dense_last(const at::Tensor& x) {
  return x.stride(2) == 1 || x.size(2) == 1 ? x : x.contiguous();
}

inline View view_of(const at::Tensor& x) { return {x.const_data_ptr(), x.stride(0), x.stride(1)}; }

inline void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window, double cap) {
  TORCH_CHECK(q.dim() == 3, "q has the shape ", q.sizes(), "; it must be [tokens, heads, size]");
  TORCH_CHECK(k.dim() == 3 && k.size(0) == q.size(0) && k.size(2) == q.size(2), "k has the shape ",
              k.sizes(), "; it must be [", q.size(0), ", kv heads, ", q.size(2), "]");
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
}

inline Problem problem_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
                   const at::Tensor& lse, double scale, int64_t window, double cap) {
  Problem p{};
  p.q = view_of(q);
  p.k = view_of(k);
  p.v = view_of(v);
  p.heads = static_cast<int>(q.size(1));
  p.kv_heads = static_cast<int>(k.size(1));
  p.size = static_cast<int>(q.size(2));
  p.scale = scale;
  p.window = static_cast<int>(std::min<int64_t>(window, q.size(0)));
  p.cap = cap;
  p.out = out.data_ptr();
  p.lse = lse.data_ptr();
  return p;
}

} // namespace anneal::attention
