// linear.h by gemm.h, and by libtorch where gemm.h does not apply.

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include <optional>
#include <vector>

#include "../gemm/matrix.h"
#include "../gemm/wide_product.h"
#include "linear.h"

namespace anneal::linear {

namespace {

using at::Tensor;
using gemm::dense;
using gemm::flat;
using gemm::into;
using gemm::matrix_of;
using gemm::turned;
using gemm::weight_of;

// The shape of `like` with another last dimension.
std::vector<int64_t> shaped(const Tensor& like, int64_t last) {
  auto sizes = like.sizes().vec();
  sizes.back() = last;
  return sizes;
}

using quantized::shape_of;

void check(const Tensor& x, const char* name, quantized::Shape weight, int64_t inner, const char* dimension) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == inner, name, " has the shape ", x.sizes(), "; its last dimension must be ",
              inner, ", the ", dimension, " of the weight [", weight.outputs, ", ", weight.inputs, "]");
}

Tensor forward(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const auto shape = shape_of(weight);
  check(x, "x", shape, shape.inputs, "inputs");
  TORCH_CHECK(!bias || (bias->dim() == 1 && bias->size(0) == shape.outputs), "bias has the shape ",
              bias ? bias->sizes() : at::IntArrayRef(), "; it must be [", shape.outputs, "]");
  if (!gemm::ours({x, weight, bias.value_or(Tensor())})) {
    if (bias && !quantized::is_quantized(weight))
      return at::addmm(bias->to(x.scalar_type()), flat(x), weight.to(x.scalar_type()).t()).view(shaped(x, shape.outputs));
    const Tensor y = quantized::times_transposed(flat(x), weight);
    return (bias ? y.add(bias->to(x.scalar_type())) : y).view(shaped(x, shape.outputs));
  }
  const Tensor rows = dense(flat(x)), w = dense(weight);
  const Tensor y = at::empty(shaped(x, shape.outputs), x.options());
  gemm::Output out = into(y);
  const Tensor b = bias ? bias->contiguous() : Tensor();
  if (bias) gemm::add_bias(out, b);
  gemm::product(matrix_of(rows), turned(weight_of(w, x.scalar_type())), out);
  return y;
}

Tensor dx(const Tensor& dy, const Tensor& weight) {
  const auto shape = shape_of(weight);
  check(dy, "dy", shape, shape.outputs, "outputs");
  if (!gemm::ours({dy, weight})) return quantized::times(flat(dy), weight).view(shaped(dy, shape.inputs));
  const Tensor rows = dense(flat(dy)), w = dense(weight);
  const Tensor out = at::empty(shaped(dy, shape.inputs), dy.options());
  gemm::product(matrix_of(rows), weight_of(w, dy.scalar_type()), into(out));
  return out;
}

void check_rows(const Tensor& dy, const Tensor& x) {
  TORCH_CHECK(dy.dim() >= 1 && x.dim() >= 1 && flat(dy).size(0) == flat(x).size(0), "dy has the shape ", dy.sizes(),
              " and x ", x.sizes(), "; they must have the same number of rows");
}

Tensor dw(const Tensor& dy, const Tensor& x, std::optional<at::ScalarType> dtype) {
  check_rows(dy, x);
  const Tensor left = flat(dy), right = flat(x);
  const auto type = dtype.value_or(x.scalar_type());
  const Tensor out = at::empty({left.size(1), right.size(1)}, x.options().dtype(type));
  if (!gemm::ours({dy, x}) || !gemm::storable(type))
    return gemm::wide_product(left.t(), right.to(left.scalar_type()), type);
  const Tensor l = dense(left), r = dense(right);
  gemm::product(turned(matrix_of(l)), matrix_of(r), into(out));
  return out;
}

Tensor& dw_(Tensor& out, const Tensor& dy, const Tensor& x, double alpha) {
  check_rows(dy, x);
  const Tensor left = flat(dy), right = flat(x);
  TORCH_CHECK(out.dim() == 2 && out.size(0) == left.size(1) && out.size(1) == right.size(1), "out has the shape ",
              out.sizes(), "; it must be [", left.size(1), ", ", right.size(1), "]");
  const auto type = out.scalar_type();
  if (!gemm::ours({dy, x}) || type != at::kFloat || out.stride(1) != 1)
    return dy.is_cpu() || type != at::kFloat ? out.addmm_(left.t().to(type), right.to(type), 1, alpha)
                                             : out.add_(gemm::wide_product(left.t(), right.to(left.scalar_type()), type), alpha);
  const Tensor l = dense(left), r = dense(right);
  gemm::Output sum = into(out);
  sum.accumulate = true;
  sum.alpha = static_cast<float>(alpha);
  gemm::product(turned(matrix_of(l)), matrix_of(r), sum);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("linear", TORCH_FN(forward));
  m.impl("linear_dx", TORCH_FN(dx));
  m.impl("linear_dw", TORCH_FN(dw));
  m.impl("linear_dw_", TORCH_FN(dw_));
}

}  // namespace anneal::linear
