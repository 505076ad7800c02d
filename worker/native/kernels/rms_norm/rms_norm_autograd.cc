// Schemas of rms_norm.h and their tapes.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

#include "rms_norm.h"

namespace anneal::rms_norm {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x, const std::optional<Tensor>& residual,
                                           const Tensor& weight, double eps, double offset) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_rms_norm_forward", "")
                             .typed<decltype(forward)>();
  return op.call(x, residual, weight, eps, offset);
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const std::optional<Tensor>& grad_sum,
                                    const Tensor& x, const Tensor& weight, const Tensor& rstd,
                                    double offset, bool need_weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_rms_norm_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, grad_sum, x, weight, rstd, offset, need_weight);
}

std::tuple<Tensor, Tensor> gradients(AutogradContext* context, const Tensor& grad,
                                     const std::optional<Tensor>& grad_sum, size_t weight_index) {
  const auto saved = context->get_saved_variables();
  return backward(grad, grad_sum, saved[0], saved[1], saved[2],
                  context->saved_data["offset"].toDouble(),
                  context->needs_input_grad(weight_index));
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double eps,
                        double offset) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [same, y, rstd] = rms_norm::forward(x, std::nullopt, weight, eps, offset);
    context->save_for_backward({x, weight, rstd});
    context->saved_data["offset"] = offset;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    auto [dx, dweight] = gradients(context, grads[0], std::nullopt, 1);
    return {dx, dweight, {}, {}};
  }
};

struct AddRmsNorm : torch::autograd::Function<AddRmsNorm> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& residual,
                               const Tensor& weight, double eps, double offset) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [sum, y, rstd] = rms_norm::forward(x, residual, weight, eps, offset);
    context->set_materialize_grads(false);
    context->save_for_backward({sum, weight, rstd});
    context->saved_data["offset"] = offset;
    return {sum, y};
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (!grads[1].defined())
      return {grads[0], grads[0], {}, {}, {}};
    const auto grad_sum = grads[0].defined() ? std::optional<Tensor>(grads[0]) : std::nullopt;
    auto [dx, dweight] = gradients(context, grads[1], grad_sum, 2);
    return {dx, dx, dweight, {}, {}};
  }
};

Tensor with_tape(const Tensor& x, const Tensor& weight, double eps, double offset) {
  return RmsNorm::apply(x, weight, eps, offset);
}
Tensor without_tape(const Tensor& x, const Tensor& weight, double eps, double offset) {
  return std::get<1>(forward(x, std::nullopt, weight, eps, offset));
}
std::tuple<Tensor, Tensor> add_with_tape(const Tensor& x, const Tensor& residual,
                                         const Tensor& weight, double eps, double offset) {
  auto out = AddRmsNorm::apply(x, residual, weight, eps, offset);
  return {out[0], out[1]};
}
std::tuple<Tensor, Tensor> add_without_tape(const Tensor& x, const Tensor& residual,
                                            const Tensor& weight, double eps, double offset) {
  auto [sum, y, rstd] = forward(x, residual, weight, eps, offset);
  return {sum, y};
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("rms_norm", TORCH_FN(with_tape));
  m.impl("add_rms_norm", TORCH_FN(add_with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("rms_norm", TORCH_FN(without_tape));
  m.impl("add_rms_norm", TORCH_FN(add_without_tape));
}

} // namespace anneal::rms_norm
