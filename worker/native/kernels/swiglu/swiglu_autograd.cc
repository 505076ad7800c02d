// Schemas of swiglu.h and its tape.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "swiglu.h"

namespace anneal::swiglu {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor forward(const Tensor& gate, const Tensor& up, int64_t activation) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_swiglu_forward", "")
                             .typed<decltype(forward)>();
  return op.call(gate, up, activation);
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& gate, const Tensor& up,
                                    int64_t activation) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_swiglu_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, gate, up, activation);
}

struct Swiglu : torch::autograd::Function<Swiglu> {
  static Tensor forward(AutogradContext* context, const Tensor& gate, const Tensor& up,
                        int64_t activation) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({gate, up});
    context->saved_data["activation"] = activation;
    return swiglu::forward(gate, up, activation);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    auto [dgate, dup] =
        swiglu::backward(grads[0], saved[0], saved[1], context->saved_data["activation"].toInt());
    return {dgate, dup, {}};
  }
};

Tensor with_tape(const Tensor& gate, const Tensor& up, int64_t activation) {
  return Swiglu::apply(gate, up, activation);
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("swiglu", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("swiglu", TORCH_FN(forward));
}

} // namespace anneal::swiglu
