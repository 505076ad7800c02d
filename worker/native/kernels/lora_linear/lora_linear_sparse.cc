// Members with a sparse change: their weights are patched copies while the group is computed.

#include "../gemm/matrix.h"
#include "../sparse_change/sparse_change.h"
#include "lora_linear.h"

namespace anneal::lora_linear {

namespace {

bool any_sparse(const Group& group) {
  for (const Member& m : group.members)
    if (is_sparse(m)) return true;
  return false;
}

// `patches`: where a product reads the weights.
Group without_changes(const Group& group, at::ScalarType type, bool patches) {
  Group plain = group;
  for (Member& m : plain.members) {
    if (!is_sparse(m)) continue;
    if (patches) m.weight = sparse_change::patched(m.weight, m.a, m.b, type);
    m.a = m.b = at::Tensor();
  }
  return plain;
}

}  // namespace

Outputs forward(const Group& group) {
  if (!any_sparse(group)) return forward_by_products(group);
  return forward_by_products(without_changes(group, group.x.scalar_type(), true));
}

Gradients backward(const Group& group, const std::vector<at::Tensor>& dy, const std::vector<at::Tensor>& t,
                   const Needs& needs) {
  if (!any_sparse(group)) return backward_by_products(group, dy, t, needs);
  auto type = at::kFloat;
  for (const at::Tensor& one : dy)
    if (one.defined()) type = one.scalar_type();
  Gradients out = backward_by_products(without_changes(group, type, needs.x), dy, t, needs);
  for (size_t i = 0; i < group.members.size(); ++i) {
    const Member& m = group.members[i];
    if (is_sparse(m) && needs.b[i] && dy[i].defined())
      out.b[i] = sparse_change::sampled_product(dy[i], group.x, m.a).to(m.b.scalar_type());
  }
  return out;
}

}  // namespace anneal::lora_linear
