// Schemas of patches.h and their tape, which keeps no tensor.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "patches.h"

namespace anneal::patches {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor forward(const Tensor& x, int64_t height, int64_t width, int64_t kernel) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_patches", "")
                             .typed<decltype(forward)>();
  return op.call(x, height, width, kernel);
}

Tensor backward(const Tensor& grad, int64_t height, int64_t width, int64_t kernel) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_patches_backward", "")
                             .typed<decltype(backward)>();
  return op.call(grad, height, width, kernel);
}

struct Patches : torch::autograd::Function<Patches> {
  static Tensor forward(AutogradContext* context, const Tensor& x, int64_t height, int64_t width,
                        int64_t kernel) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->saved_data["height"] = height;
    context->saved_data["width"] = width;
    context->saved_data["kernel"] = kernel;
    return patches::forward(x, height, width, kernel);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto size = [&](const char* name) { return context->saved_data[name].toInt(); };
    return {patches::backward(grads[0], size("height"), size("width"), size("kernel")), {}, {}, {}};
  }
};

Tensor with_tape(const Tensor& x, int64_t height, int64_t width, int64_t kernel) {
  return Patches::apply(x, height, width, kernel);
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("patches", TORCH_FN(with_tape));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("patches", TORCH_FN(forward));
}

} // namespace anneal::patches
