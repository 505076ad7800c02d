// orthonormal_distance of factors.h.

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <cmath>
#include <optional>
#include <tuple>

#include "factors.h"
#include "product.h"

namespace anneal::factors {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Sums of several lanes, which a processor adds up side by side.
float length(const float* values, int64_t count) {
  std::array<double, 8> lanes{};
  for (int64_t i = 0; i < count; ++i) lanes[i % 8] += static_cast<double>(values[i]) * values[i];
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return static_cast<float>(std::sqrt(sum));
}

struct Distance {
  Tensor gap;     // D
  Tensor length;  // |D|
};

Distance measured(const Tensor& rows, const std::optional<Tensor>& of) {
  TORCH_CHECK(rows.dim() == 2, "rows has the shape ", rows.sizes(), "; it must be [r, n]");
  const int64_t count = rows.size(0);
  TORCH_CHECK(!of || (of->dim() == 1 && of->size(0) == count && of->scalar_type() == rows.scalar_type()),
              "of does not fit rows; it must be [", count, "] of their type");
  const Tensor gap = product(rows, rows.t());
  if (!ours(rows)) {
    Tensor diagonal = gap.diagonal();
    if (of)
      diagonal.sub_(*of);
    else
      diagonal.sub_(1);
    return {gap, at::linalg_vector_norm(gap)};
  }
  const Tensor lengths = of ? of->contiguous() : Tensor();
  float* values = gap.mutable_data_ptr<float>();
  const float* each = of ? lengths.const_data_ptr<float>() : nullptr;
  for (int64_t i = 0; i < count; ++i) values[i * count + i] -= each ? each[i] : 1;
  const Tensor y = at::empty({}, rows.options());
  *y.mutable_data_ptr<float>() = length(values, count * count);
  return {gap, y};
}

Tensor forward(const Tensor& rows, const std::optional<Tensor>& of) { return measured(rows, of).length; }

// factor * D rows, in the layout of rows.
Tensor times_rows(const Tensor& gap, const Tensor& rows, double factor) {
  const bool turned = rows.stride(1) != 1 && rows.stride(0) == 1;
  return turned ? product(rows.t(), gap, factor).t() : product(gap, rows, factor);
}

struct OrthonormalDistance : torch::autograd::Function<OrthonormalDistance> {
  static Tensor forward(AutogradContext* context, const Tensor& rows, const std::optional<Tensor>& of) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Distance found = measured(rows, of);
    context->save_for_backward({rows, found.gap, found.length});
    return found.length;
  }
  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    const auto saved = context->get_saved_variables();
    const Tensor &rows = saved[0], &gap = saved[1], &length = saved[2];
    if (ours(rows)) {
      const float size = length.item<float>();
      const double factor = size == 0 ? 0 : 2.0 * dy[0].item<float>() / size;
      return {times_rows(gap, rows, factor), Tensor()};
    }
    const Tensor factor = at::where(length.eq(0), at::zeros_like(length), dy[0].mul(2).div(length));
    return {times_rows(gap, rows, 1).mul_(factor), Tensor()};
  }
};

Tensor with_tape(const Tensor& rows, const std::optional<Tensor>& of) {
  if (at::GradMode::is_enabled() && rows.requires_grad()) return OrthonormalDistance::apply(rows, of);
  const at::AutoDispatchBelowADInplaceOrView below;
  return forward(rows, of);
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("orthonormal_distance", TORCH_FN(forward)); }
TORCH_LIBRARY_IMPL(anneal, Autograd, m) { m.impl("orthonormal_distance", TORCH_FN(with_tape)); }

}  // namespace anneal::factors
