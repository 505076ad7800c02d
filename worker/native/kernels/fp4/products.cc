// products.h by gemm.h, and by libtorch where that does not apply.

#include "products.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <tuple>

#include "../gemm/matrix.h"

namespace anneal::fp4 {

namespace {

using at::Tensor;

bool ours(const Tensor& values) { return values.is_cpu() && values.scalar_type() != at::kDouble; }

float factor(const Operand& a, const Operand& b) {
  return *a.scale.const_data_ptr<float>() * *b.scale.const_data_ptr<float>();
}

Tensor plain_product(const Operand& a, const Operand& b) {
  return at::mm(a.values, b.values).mul_(a.scale).mul_(b.scale);
}

}  // namespace

Codes quantize(const Tensor& x, int64_t format, const How& how) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::quantize_fp4", "")
                             .typed<std::tuple<Tensor, Tensor, Tensor>(const Tensor&, int64_t, bool, bool, std::optional<int64_t>,
                                                                       std::optional<int64_t>, int64_t)>();
  auto [values, scales, tensor_scale] = op.call(x, format, how.columns, how.square, how.signs, how.key, how.site);
  return {values, scales, tensor_scale};
}

Operand operand(const Codes& c, std::optional<int64_t> columns) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::dequantize_fp4", "")
                             .typed<Tensor(const Tensor&, const Tensor&, at::ScalarType)>();
  Tensor all = c.values;
  if (all.scalar_type() != at::kDouble) all = op.call(c.values, c.scales, all.is_cpu() ? at::kBFloat16 : at::kFloat);
  return {columns ? all.narrow(1, 0, *columns) : all, c.tensor_scale};
}

Tensor times_turned(const Operand& a, const Operand& b, const Tensor& bias, at::ScalarType type) {
  if (!ours(a.values)) {
    Tensor y = plain_product(a, {b.values.t(), b.scale});
    if (bias.defined()) y.add_(bias);
    return y.to(type);
  }
  const Tensor y = at::empty({a.values.size(0), b.values.size(0)}, a.values.options().dtype(type));
  const Tensor added = bias.defined() ? bias.contiguous() : bias;
  gemm::Output out = gemm::into(y);
  out.alpha = factor(a, b);
  if (added.defined()) gemm::add_bias(out, added);
  gemm::product(gemm::matrix_of(a.values), gemm::turned(gemm::matrix_of(b.values)), out);
  return y;
}

Tensor sum_of(const std::vector<Pair>& pairs, at::ScalarType type) {
  const Tensor& first = pairs[0].a.values;
  if (!ours(first)) {
    Tensor sum;
    for (const Pair& pair : pairs) {
      const Tensor one = plain_product(pair.a, pair.b);
      sum = sum.defined() ? sum.add_(one) : one;
    }
    return sum.to(type);
  }
  std::vector<gemm::PackedRows> packed;
  std::vector<gemm::Term> terms;
  packed.reserve(pairs.size());
  for (const Pair& pair : pairs) {
    packed.emplace_back(gemm::matrix_of(pair.a.values), 0, first.size(0));
    terms.push_back({&packed.back(), gemm::matrix_of(pair.b.values), factor(pair.a, pair.b)});
  }
  const Tensor sum = at::empty({first.size(0), pairs[0].b.values.size(1)}, first.options().dtype(type));
  gemm::multiply(terms, sum.size(1), gemm::into(sum));
  return sum;
}

}  // namespace anneal::fp4
