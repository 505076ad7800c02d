// lora_linear.h in operators of libtorch: any device, any type. The A's of a group are one matrix
// for its products, so that x and its gradient are read once for all of them.

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>

#include "../gemm/matrix.h"
#include "../gemm/wide_product.h"
#include "lora_linear.h"

namespace anneal::lora_linear {

namespace {

using at::Tensor;
using gemm::flat;
using gemm::wide_product;

Tensor shaped(const Tensor& flat, const Tensor& like) {
  auto sizes = like.sizes().vec();
  sizes.back() = flat.size(1);
  return flat.view(sizes);
}

void add(Tensor& sum, const Tensor& left, const Tensor& right) {
  if (sum.defined())
    sum.addmm_(left, right);
  else
    sum = at::mm(left, right);
}

// x W^T + bias.
Tensor plain(const Tensor& x, const Member& m) {
  const auto type = x.scalar_type();
  if (m.bias.defined() && !quantized::is_quantized(m.weight))
    return at::addmm(m.bias.to(type), x, m.weight.to(type).t());
  Tensor y = quantized::times_transposed(x, m.weight);
  return m.bias.defined() ? y.add_(m.bias.to(type)) : y;
}

void add_times(Tensor& sum, const Tensor& dy, const Tensor& weight) {
  if (!quantized::is_quantized(weight)) return add(sum, dy, weight.to(dy.scalar_type()));
  const Tensor product = quantized::times(dy, weight);
  if (sum.defined())
    sum.add_(product);
  else
    sum = product;
}

bool has_matrix(const Member& m) { return m.a.defined() && !is_index(m.a); }

// One below the other, as `type`.
Tensor stacked(const std::vector<Tensor>& matrices, at::ScalarType type) {
  if (matrices.size() == 1) return matrices[0].to(type);
  std::vector<Tensor> all;
  for (const Tensor& each : matrices) all.push_back(each.to(type));
  return at::cat(all);
}

Tensor beside(const std::vector<Tensor>& matrices) { return matrices.size() == 1 ? matrices[0] : at::cat(matrices, 1); }

// Of each member that has a matrix A, x A^T: columns of one product.
std::vector<Tensor> times_factors(const Tensor& x, const Group& group) {
  std::vector<Tensor> factors, products(group.members.size());
  for (const Member& m : group.members)
    if (has_matrix(m)) factors.push_back(m.a);
  if (factors.empty()) return products;
  const Tensor all = at::mm(x, stacked(factors, x.scalar_type()).t());
  int64_t first = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    const Member& m = group.members[i];
    if (!has_matrix(m)) continue;
    products[i] = all.narrow(1, first, m.a.size(0));
    first += m.a.size(0);
  }
  return products;
}

// What the gradients of a group's A's are made of: those of x A^T, and whose they are.
struct Behind {
  std::vector<Tensor> dt, a;
  std::vector<size_t> members;
};

// Sets da of the members that want it, by one product.
void factor_gradients(const Behind& behind, const Tensor& x, const Group& group, const Needs& needs, Gradients& out) {
  std::vector<Tensor> dt;
  std::vector<size_t> members;
  auto widest = at::kBFloat16;
  for (size_t i = 0; i < behind.dt.size(); ++i) {
    const size_t member = behind.members[i];
    if (!needs.a[member]) continue;
    dt.push_back(behind.dt[i]);
    members.push_back(member);
    widest = c10::promoteTypes(widest, group.members[member].a.scalar_type());
  }
  if (dt.empty()) return;
  const Tensor all = wide_product(beside(dt).t(), x, widest);
  int64_t first = 0;
  for (const size_t member : members) {
    const Tensor& a = group.members[member].a;
    out.a[member] = all.narrow(0, first, a.size(0)).to(a.scalar_type());
    first += a.size(0);
  }
}

}  // namespace

Outputs forward_by_libtorch(const Group& group) {
  const Tensor x = flat(group.x);
  const Tensor dropped = group.dropped.defined() ? flat(group.dropped) : x;
  const auto type = x.scalar_type();
  const std::vector<Tensor> products = times_factors(dropped, group);
  Outputs out;
  for (size_t i = 0; i < group.members.size(); ++i) {
    const Member& m = group.members[i];
    Tensor y = plain(x, m);
    Tensor t;
    if (is_index(m.a)) {
      t = at::index_select(x, 1, m.a);
      y.addmm_(t, m.b.to(type).t(), 1, m.scale);
    } else if (m.a.defined()) {
      t = products[i].mul_(m.scale);
      if (is_index(m.b))
        y.index_add_(1, m.b, t);
      else
        y.addmm_(t, m.b.to(type).t());
    }
    out.t.push_back(t);
    out.y.push_back(shaped(y, group.x));
  }
  return out;
}

Gradients backward_by_libtorch(const Group& group, const std::vector<Tensor>& dys, const std::vector<Tensor>& ts,
                               const Needs& needs) {
  Gradients out;
  const Tensor x = group.x.defined() ? flat(group.x) : Tensor();
  const Tensor dropped = group.dropped.defined() ? flat(group.dropped) : needs.separate ? Tensor() : x;
  Tensor dx, like;
  Behind behind;
  for (size_t i = 0; i < group.members.size(); ++i) {
    const Member& m = group.members[i];
    Tensor db, dw;
    if (dys[i].defined()) {
      like = dys[i];
      const Tensor dy = flat(dys[i]);
      const auto type = dy.scalar_type();
      if (needs.x) add_times(dx, dy, m.weight);
      if (needs.weight[i]) dw = wide_product(dy.t(), x, m.weight.scalar_type());
      if (is_index(m.a)) {
        if (needs.b[i]) db = wide_product(dy.t(), ts[i], m.b.scalar_type()).mul_(m.scale);
        if (needs.x) dx.index_add_(1, m.a, at::mm(dy, m.b.to(type)), m.scale);
      } else if (m.a.defined()) {
        const Tensor dt = (is_index(m.b) ? at::index_select(dy, 1, m.b) : at::mm(dy, m.b.to(type))).mul_(m.scale);
        if (needs.b[i]) db = wide_product(dy.t(), ts[i].to(type), m.b.scalar_type());
        behind.dt.push_back(dt);
        behind.a.push_back(m.a);
        behind.members.push_back(i);
      }
    }
    out.weight.push_back(dw);
    out.a.push_back(Tensor());
    out.b.push_back(db);
  }
  factor_gradients(behind, dropped, group, needs, out);
  Tensor ddropped;
  if (!behind.dt.empty() && (needs.separate ? needs.dropped : needs.x))
    add(needs.separate ? ddropped : dx, beside(behind.dt), stacked(behind.a, behind.dt[0].scalar_type()));
  if (dx.defined()) out.x = shaped(dx, like);
  if (ddropped.defined()) out.dropped = shaped(ddropped, like);
  return out;
}

}  // namespace anneal::lora_linear
