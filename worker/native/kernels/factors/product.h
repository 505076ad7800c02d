// a b of two matrices in any layout, as a matrix of its own memory.
#pragma once

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include "../gemm/matrix.h"

namespace anneal::factors {

inline bool ours(const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; }

inline at::Tensor product(const at::Tensor& a, const at::Tensor& b, double alpha = 1) {
  if (!ours(a) || !ours(b)) return alpha == 1 ? at::mm(a, b) : at::mm(a, b).mul_(alpha);
  const at::Tensor left = gemm::dense(a), right = gemm::dense(b);
  const at::Tensor y = at::empty({a.size(0), b.size(1)}, a.options());
  gemm::Output out = gemm::into(y);
  out.alpha = static_cast<float>(alpha);
  gemm::product(gemm::matrix_of(left), gemm::matrix_of(right), out);
  return y;
}

}  // namespace anneal::factors
