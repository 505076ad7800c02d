// Schemas of rope.h and its tape.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "rope.h"

namespace anneal::rope {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor turn(const Tensor& x, const Tensor& cos, const Tensor& sin, bool inverse) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("anneal::_rope", "").typed<decltype(turn)>();
  return op.call(x, cos, sin, inverse);
}

struct Rope : torch::autograd::Function<Rope> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& cos,
                        const Tensor& sin) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({cos, sin});
    return turn(x, cos, sin, false);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    return {turn(grads[0], saved[0], saved[1], true), {}, {}};
  }
};

Tensor with_tape(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return Rope::apply(x, cos, sin);
}
Tensor without_tape(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return turn(x, cos, sin, false);
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("rope", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("rope", TORCH_FN(without_tape));
}

} // namespace anneal::rope
