// Schemas of layer_norm.h and their tapes.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "layer_norm.h"

namespace anneal::layer_norm {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                           double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_layer_norm_forward", "")
                             .typed<decltype(forward)>();
  return op.call(x, weight, bias, eps);
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& x,
                                            const Tensor& weight, const Tensor& mean,
                                            const Tensor& rstd, bool need_weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_layer_norm_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, x, weight, mean, rstd, need_weight);
}

struct LayerNorm : torch::autograd::Function<LayerNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, double eps) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [y, mean, rstd] = layer_norm::forward(x, weight, bias, eps);
    context->save_for_backward({x, weight, mean, rstd});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    auto [dx, dweight, dbias] =
        layer_norm::backward(grads[0], saved[0], saved[1], saved[2], saved[3],
                             context->needs_input_grad(1) || context->needs_input_grad(2));
    return {dx, dweight, dbias, {}};
  }
};

Tensor with_tape(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return LayerNorm::apply(x, weight, bias, eps);
}
Tensor without_tape(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return std::get<0>(forward(x, weight, bias, eps));
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("layer_norm", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("layer_norm", TORCH_FN(without_tape));
}

} // namespace anneal::layer_norm
