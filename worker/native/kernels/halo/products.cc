// products.h by gemm.h, and by libtorch where that does not apply.

#include "products.h"

#include <ATen/ops/mm.h>

#include "../gemm/matrix.h"

namespace anneal::halo {

namespace {

gemm::Matrix matrix_of(const Codes& c) {
  const gemm::Matrix m = gemm::matrix_of(c.values);
  return c.turned ? gemm::turned(m) : m;
}

at::Tensor numbers(const Codes& c, at::ScalarType type) {
  const at::Tensor wide = c.values.to(type);
  return c.turned ? wide.t() : wide;
}

}  // namespace

void product(const Codes& a, const Codes& b, const at::Tensor& out, const at::Tensor& bias, bool add) {
  if (!out.is_cpu() || out.scalar_type() == at::kDouble) {
    const auto type = out.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    at::Tensor y = at::mm(numbers(a, type), numbers(b, type)).mul_(a.scale).mul_(b.scale);
    if (bias.defined()) y.add_(bias);
    if (add)
      out.add_(y);
    else
      out.copy_(y);
    return;
  }
  gemm::Output to = gemm::into(out);
  to.alpha = *a.scale.const_data_ptr<float>() * *b.scale.const_data_ptr<float>();
  to.accumulate = add;
  const at::Tensor kept = bias.defined() ? bias.contiguous() : bias;
  if (kept.defined()) gemm::add_bias(to, kept);
  gemm::product(matrix_of(a), matrix_of(b), to);
}

}  // namespace anneal::halo
