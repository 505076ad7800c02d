// lora_linear.h in operators of libtorch: any device, any type.

#include <ATen/ops/addmm.h>
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

}  // namespace

Outputs forward_by_libtorch(const Group& group) {
  const Tensor x = flat(group.x);
  const Tensor dropped = group.dropped.defined() ? flat(group.dropped) : x;
  const auto type = x.scalar_type();
  Outputs out;
  for (const Member& m : group.members) {
    Tensor y = plain(x, m);
    Tensor t;
    if (is_index(m.a)) {
      t = at::index_select(x, 1, m.a);
      y.addmm_(t, m.b.to(type).t(), 1, m.scale);
    } else if (m.a.defined()) {
      t = at::mm(dropped, m.a.to(type).t()).mul_(m.scale);
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
  Tensor dx, ddropped, like;
  for (size_t i = 0; i < group.members.size(); ++i) {
    const Member& m = group.members[i];
    Tensor da, db, dw;
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
        if (needs.a[i]) da = wide_product(dt.t(), dropped, m.a.scalar_type());
        if (needs.separate ? needs.dropped : needs.x) add(needs.separate ? ddropped : dx, dt, m.a.to(type));
      }
    }
    out.weight.push_back(dw);
    out.a.push_back(da);
    out.b.push_back(db);
  }
  if (dx.defined()) out.x = shaped(dx, like);
  if (ddropped.defined()) out.dropped = shaped(ddropped, like);
  return out;
}

}  // namespace anneal::lora_linear
