// Schemas of linear.h and the tape of linear: no product is made that nobody asked for.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

#include "linear.h"

namespace anneal::linear {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class Signature>
auto operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Tensor forward(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  static const auto op = operation<decltype(forward)>("anneal::linear");
  const at::AutoDispatchBelowADInplaceOrView below;
  return op.call(x, weight, bias);
}

Tensor dx(const Tensor& dy, const Tensor& weight) {
  static const auto op = operation<decltype(dx)>("anneal::linear_dx");
  return op.call(dy, weight);
}

Tensor dw(const Tensor& dy, const Tensor& x, std::optional<at::ScalarType> dtype) {
  static const auto op = operation<decltype(dw)>("anneal::linear_dw");
  return op.call(dy, x, dtype);
}

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::optional<Tensor>& bias) {
    context->save_for_backward({weight.requires_grad() ? x : Tensor(), x.requires_grad() ? weight : Tensor()});
    context->saved_data["weight"] = static_cast<int64_t>(weight.scalar_type());
    context->saved_data["bias"] = bias && bias->requires_grad() ? static_cast<int64_t>(bias->scalar_type()) : -1;
    return linear::forward(x, weight, bias);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& dy = grads[0];
    Tensor dweight, dbias;
    if (saved[0].defined())
      dweight = dw(dy, saved[0], static_cast<at::ScalarType>(context->saved_data["weight"].toInt()));
    if (const int64_t type = context->saved_data["bias"].toInt(); type >= 0)
      dbias = dy.reshape({-1, dy.size(-1)}).sum(0, false, static_cast<at::ScalarType>(type));
    return {saved[1].defined() ? dx(dy, saved[1]) : Tensor(), dweight, dbias};
  }
};

Tensor with_tape(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const bool taped = at::GradMode::is_enabled() &&
                     (x.requires_grad() || weight.requires_grad() || (bias && bias->requires_grad()));
  return taped ? Linear::apply(x, weight, bias) : forward(x, weight, bias);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) { m.impl("linear", TORCH_FN(with_tape)); }

}  // namespace anneal::linear
