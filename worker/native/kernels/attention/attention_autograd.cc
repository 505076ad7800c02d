// Schemas of attention.h and its tape: one node that saves out and lse instead of weights.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

#include "attention.h"

namespace anneal::attention {

namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

std::tuple<Tensor, Tensor> forward(const Tensor& q, const Tensor& k, const Tensor& v,
                                   const Tensor& cu, const OptionalTensor& cu_k, double scale,
                                   int64_t window, double cap, bool causal) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_attention_forward", "")
                             .typed<decltype(forward)>();
  return op.call(q, k, v, cu, cu_k, scale, window, cap, causal);
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& q, const Tensor& k,
                                            const Tensor& v, const Tensor& out, const Tensor& lse,
                                            const Tensor& cu, const OptionalTensor& cu_k,
                                            double scale, int64_t window, double cap, bool causal) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_attention_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, q, k, v, out, lse, cu, cu_k, scale, window, cap, causal);
}

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& cu, double scale, int64_t window, double cap,
                        bool causal, const OptionalTensor& cu_k) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [out, lse] = attention::forward(q, k, v, cu, cu_k, scale, window, cap, causal);
    context->save_for_backward({q, k, v, out, lse, cu, cu_k.value_or(Tensor())});
    context->saved_data["scale"] = scale;
    context->saved_data["window"] = window;
    context->saved_data["cap"] = cap;
    context->saved_data["causal"] = causal;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const OptionalTensor cu_k = saved[6].defined() ? OptionalTensor(saved[6]) : std::nullopt;
    auto [dq, dk, dv] = attention::backward(
        grads[0], saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], cu_k,
        data["scale"].toDouble(), data["window"].toInt(), data["cap"].toDouble(),
        data["causal"].toBool());
    return {dq, dk, dv, {}, {}, {}, {}, {}, {}};
  }
};

Tensor with_tape(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cu, double scale,
                 int64_t window, double cap, bool causal, const OptionalTensor& cu_k) {
  return Attention::apply(q, k, v, cu, scale, window, cap, causal, cu_k);
}

Tensor without_tape(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cu,
                    double scale, int64_t window, double cap, bool causal,
                    const OptionalTensor& cu_k) {
  return std::get<0>(forward(q, k, v, cu, cu_k, scale, window, cap, causal));
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def(kSchema);
  m.def(kForwardSchema);
  m.def(kBackwardSchema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("attention", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("attention", TORCH_FN(without_tape));
}

} // namespace anneal::attention
