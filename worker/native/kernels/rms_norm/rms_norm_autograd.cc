// Schemas of rms_norm.h and their tapes.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "rms_norm.h"

namespace anneal::rms_norm {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::tuple<Tensor, Tensor> forward(const Tensor& x, const Tensor& weight, double eps, double offset) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_rms_norm_forward", "")
                             .typed<decltype(forward)>();
  return op.call(x, weight, eps, offset);
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                                    const Tensor& rstd, double offset, bool need_weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_rms_norm_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, x, weight, rstd, offset, need_weight);
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double eps,
                        double offset) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [y, rstd] = rms_norm::forward(x, weight, eps, offset);
    context->save_for_backward({x, weight, rstd});
    context->saved_data["offset"] = offset;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    auto [dx, dweight] = rms_norm::backward(grads[0], saved[0], saved[1], saved[2],
                                            context->saved_data["offset"].toDouble(),
                                            context->needs_input_grad(1));
    return {dx, dweight, {}, {}};
  }
};

Tensor with_tape(const Tensor& x, const Tensor& weight, double eps, double offset) {
  return RmsNorm::apply(x, weight, eps, offset);
}
Tensor without_tape(const Tensor& x, const Tensor& weight, double eps, double offset) {
  return std::get<0>(forward(x, weight, eps, offset));
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("rms_norm", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("rms_norm", TORCH_FN(without_tape));
}

} // namespace anneal::rms_norm
