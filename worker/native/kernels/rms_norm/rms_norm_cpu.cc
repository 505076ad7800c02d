// CPU entry of rms_norm: checks, threads, the order of the weight's gradient.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>

#include "../isa.h"
#include "../rows/rows_of.h"
#include "rms_norm.h"

namespace anneal::rms_norm {

namespace {

using at::Tensor;
using rows::dense_rows;
using rows::rows_of;

Tensor weight_of(const Tensor& weight, const Tensor& x) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) >= 1, "x has the shape ", x.sizes(),
              "; its last dimension must not be empty");
  TORCH_CHECK(weight.dim() == 1 && weight.size(0) == x.size(-1), "weight has the shape ",
              weight.sizes(), "; it must be [", x.size(-1), "], the last dimension of x");
  return weight.to(rows::arithmetic_of(x)).contiguous();
}

void check_like(const Tensor& y, const char* name, const Tensor& x) {
  TORCH_CHECK(y.sizes() == x.sizes() && y.scalar_type() == x.scalar_type(), name, " is ",
              y.scalar_type(), " ", y.sizes(), "; it must be x's ", x.scalar_type(), " ",
              x.sizes());
}

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x_in,
                                           const std::optional<Tensor>& residual,
                                           const Tensor& weight, double eps, double offset) {
  const Tensor w = weight_of(weight, x_in);
  const Tensor x = dense_rows(x_in);
  const int64_t size = x.size(-1);
  const int64_t count = rows::row_count(x);
  const Tensor y = at::empty(x.sizes(), x.options());
  const Tensor rstd = at::empty({count}, w.options());
  Tensor added, sum;
  Forward f{
      rows_of(x), {},  nullptr, y.mutable_data_ptr(), rstd.mutable_data_ptr(), w.const_data_ptr(),
      size,       eps, offset};
  if (residual.has_value()) {
    check_like(*residual, "residual", x);
    added = dense_rows(*residual);
    sum = at::empty(x.sizes(), x.options());
    f.residual = rows_of(added);
    f.sum = sum.mutable_data_ptr();
  }
  const Loops& loops = ANNEAL_CHOOSE(loops)(rows::element_of(x, "x"));
  at::parallel_for(0, count, rows::grain(size),
                   [&](int64_t begin, int64_t end) { loops.forward(f, begin, end); });
  return {residual.has_value() ? sum : x_in, y, rstd};
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_in, const std::optional<Tensor>& grad_sum,
                                    const Tensor& x_in, const Tensor& weight, const Tensor& rstd,
                                    double offset, bool need_weight) {
  const Tensor w = weight_of(weight, x_in);
  check_like(grad_in, "grad", x_in);
  const Tensor x = dense_rows(x_in), grad = dense_rows(grad_in);
  const int64_t size = x.size(-1);
  const int64_t count = rows::row_count(x);
  const Tensor dx = at::empty(x.sizes(), x.options());
  Backward b{rows_of(x),         rows_of(grad), {},    dx.mutable_data_ptr(), rstd.const_data_ptr(),
             w.const_data_ptr(), size,          offset};
  Tensor more;
  if (grad_sum.has_value()) {
    check_like(*grad_sum, "grad_sum", x_in);
    more = dense_rows(*grad_sum);
    b.grad_sum = rows_of(more);
  }
  const Loops& loops = ANNEAL_CHOOSE(loops)(rows::element_of(x, "x"));
  if (!need_weight) {
    at::parallel_for(0, count, rows::grain(size),
                     [&](int64_t begin, int64_t end) { loops.backward(b, nullptr, begin, end); });
    return {dx, Tensor()};
  }
  // At most 64 groups of at least 16 rows: a function of the shape alone.
  const int64_t group = std::max<int64_t>(16, (count + 63) / 64);
  const int64_t groups = (count + group - 1) / group;
  const Tensor parts = at::zeros({groups, size}, w.options());
  char* part = static_cast<char*>(parts.mutable_data_ptr());
  at::parallel_for(0, groups, 1 + rows::grain(size) / group, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g)
      loops.backward(b, part + g * size * parts.element_size(), g * group,
                     std::min(count, (g + 1) * group));
  });
  return {dx, parts.sum(0).to(weight.scalar_type())};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_rms_norm_forward", TORCH_FN(forward));
  m.impl("_rms_norm_backward", TORCH_FN(backward));
}

} // namespace anneal::rms_norm
