// factor_product of factors.h: schemas, the product and its tape.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "factors.h"
#include "product.h"

namespace anneal::factors {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor forward(const Tensor& a, const Tensor& b) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(0), "a has the shape ", a.sizes(), " and b ", b.sizes(),
              "; they must be [m, k] and [k, n]");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "a is ", a.scalar_type(), " and b ", b.scalar_type(),
              "; they must have one type");
  return product(a, b);
}

struct FactorProduct : torch::autograd::Function<FactorProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& a, const Tensor& b) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({b.requires_grad() ? a : Tensor(), a.requires_grad() ? b : Tensor()});
    return factors::forward(a, b);
  }
  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    const auto saved = context->get_saved_variables();
    return {saved[1].defined() ? product(dy[0], saved[1].t()) : Tensor(),
            saved[0].defined() ? product(saved[0].t(), dy[0]) : Tensor()};
  }
};

Tensor with_tape(const Tensor& a, const Tensor& b) {
  if (at::GradMode::is_enabled() && (a.requires_grad() || b.requires_grad())) return FactorProduct::apply(a, b);
  const at::AutoDispatchBelowADInplaceOrView below;
  return forward(a, b);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("factor_product", TORCH_FN(forward)); }
TORCH_LIBRARY_IMPL(anneal, Autograd, m) { m.impl("factor_product", TORCH_FN(with_tape)); }

}  // namespace anneal::factors
