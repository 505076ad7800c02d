// lora_linear.h by gemm.h.

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>

#include "../gemm/matrix.h"
#include "lora_linear.h"

namespace anneal::lora_linear {

namespace {

using at::Tensor;
using gemm::dense;
using gemm::flat;
using gemm::into;
using gemm::Matrix;
using gemm::matrix_of;
using gemm::Output;
using gemm::PackedRows;
using gemm::Term;
using gemm::turned;
using gemm::weight_of;

// By the large product of each layer; the others follow it.
bool ours(const Group& group, const Tensor& rows) {
  for (const Member& m : group.members) {
    if (!gemm::ours({rows, m.weight})) return false;
    for (const Tensor& t : {m.bias, m.a, m.b})
      if (t.defined() && !gemm::storable(t.scalar_type())) return false;
  }
  return true;
}

int64_t outputs(const Member& m) { return quantized::shape_of(m.weight).outputs; }

std::vector<int64_t> shaped(const Tensor& like, int64_t last) {
  auto sizes = like.sizes().vec();
  sizes.back() = last;
  return sizes;
}

int64_t ranks(const Group& group) {
  int64_t sum = 0;
  for (const Member& m : group.members) sum += m.a.defined() ? m.a.size(0) : 0;
  return sum;
}

// The members with weights that can be read as matrices.
Group readable(const Group& group) {
  Group out{group.x.defined() ? dense(flat(group.x)) : Tensor(),
            group.dropped.defined() ? dense(flat(group.dropped)) : Tensor(), group.members};
  for (Member& m : out.members) {
    m.weight = dense(m.weight);
    if (m.bias.defined()) m.bias = m.bias.contiguous();
    if (m.a.defined()) {
      m.a = dense(m.a);
      m.b = dense(m.b);
    }
  }
  return out;
}

Output rows_into(const Tensor& t, int64_t from) {
  Output out = into(t);
  out.data = gemm::at_row(out.data, from, out.ld, out.storage);
  return out;
}

// Few rows, as in decoding: no packing; the adapter's part joins as a residual in float32.
void forward_few(const Group& g, const Outputs& out) {
  int64_t offset = 0;
  for (size_t i = 0; i < g.members.size(); ++i) {
    const Member& m = g.members[i];
    Output y = into(out.y[i]);
    if (m.bias.defined()) gemm::add_bias(y, m.bias);
    Tensor adapter;
    if (m.a.defined()) {
      const int64_t rank = m.a.size(0);
      const Tensor t = out.t.narrow(1, offset, rank);
      gemm::product(matrix_of(g.dropped.defined() ? g.dropped : g.x), turned(matrix_of(m.a)), into(t));
      t.mul_(m.scale);
      adapter = at::empty({t.size(0), outputs(m)}, t.options());
      gemm::product(matrix_of(t), turned(matrix_of(m.b)), into(adapter));
      y.residual = adapter.const_data_ptr();
      y.residual_ld = adapter.size(1);
      y.residual_storage = gemm::Storage::kFloat32;
      offset += rank;
    }
    gemm::product(matrix_of(g.x), turned(weight_of(m.weight, g.x.scalar_type())), y);
  }
}

void forward_rows(const Group& g, const Outputs& out, int64_t from, int64_t rows) {
  const PackedRows x(matrix_of(g.x), from, rows);
  std::optional<PackedRows> dropped;
  if (g.dropped.defined()) dropped.emplace(matrix_of(g.dropped), from, rows);
  int64_t offset = 0;
  for (size_t i = 0; i < g.members.size(); ++i) {
    const Member& m = g.members[i];
    Output y = rows_into(out.y[i], from);
    if (m.bias.defined()) gemm::add_bias(y, m.bias);
    std::vector<Term> terms{{&x, turned(weight_of(m.weight, g.x.scalar_type()))}};
    std::optional<PackedRows> low;
    if (m.a.defined()) {
      const int64_t rank = m.a.size(0);
      const Tensor t = out.t.narrow(1, offset, rank);
      Output into_t = rows_into(t, from);
      into_t.alpha = static_cast<float>(m.scale);
      gemm::multiply({{dropped ? &*dropped : &x, turned(matrix_of(m.a))}}, rank, into_t);
      low.emplace(matrix_of(t), from, rows);
      terms.push_back({&*low, turned(matrix_of(m.b))});
      offset += rank;
    }
    gemm::multiply(terms, outputs(m), y);
  }
}

struct Backward {
  const Group& group;  // readable; x may be undefined
  std::vector<Tensor> dy;  // dense rows, or undefined
  Tensor dt;               // [rows, ranks] float32
  Tensor dx, ddropped;
  bool separate;

  void rows(int64_t from, int64_t count) const {
    std::vector<PackedRows> packed;
    packed.reserve(2 * dy.size());
    std::vector<Term> terms, low;
    int64_t offset = 0;
    for (size_t i = 0; i < dy.size(); ++i) {
      const Member& m = group.members[i];
      const int64_t rank = m.a.defined() ? m.a.size(0) : 0;
      if (dy[i].defined()) {
        packed.emplace_back(matrix_of(dy[i]), from, count);
        if (dx.defined()) terms.push_back({&packed.back(), weight_of(m.weight, dy[i].scalar_type())});
        if (rank > 0) {
          const Tensor t = dt.narrow(1, offset, rank);
          Output into_t = rows_into(t, from);
          into_t.alpha = static_cast<float>(m.scale);
          gemm::multiply({{&packed.back(), matrix_of(m.b)}}, rank, into_t);
          packed.emplace_back(matrix_of(t), from, count);
          low.push_back({&packed.back(), matrix_of(m.a)});
        }
      }
      offset += rank;
    }
    if (!separate) terms.insert(terms.end(), low.begin(), low.end());
    if (dx.defined()) gemm::multiply(terms, dx.size(-1), rows_into(dx, from));
    if (ddropped.defined()) gemm::multiply(low, ddropped.size(-1), rows_into(ddropped, from));
  }
};

// The product of two operands that share their rows, left^T right, in the wanted type.
Tensor across(const Tensor& left, const Tensor& right, at::ScalarType type) {
  const Tensor out = at::empty({left.size(1), right.size(1)}, left.options().dtype(type));
  gemm::product(turned(matrix_of(left)), matrix_of(right), into(out));
  return out;
}

void gradients_of_members(const Backward& b, const Tensor& t, const Needs& needs, Gradients& out) {
  const Group& g = b.group;
  const Tensor& dropped = needs.separate ? g.dropped : g.x;
  const bool any_a = std::find(needs.a.begin(), needs.a.end(), true) != needs.a.end();
  const Tensor da = any_a ? across(b.dt, dropped, at::kFloat) : Tensor();  // x is packed once for all ranks
  int64_t offset = 0;
  for (size_t i = 0; i < g.members.size(); ++i) {
    const Member& m = g.members[i];
    const int64_t rank = m.a.defined() ? m.a.size(0) : 0;
    const bool used = b.dy[i].defined();
    out.weight.push_back(used && needs.weight[i] ? across(b.dy[i], g.x, m.weight.scalar_type()) : Tensor());
    out.a.push_back(used && rank > 0 && needs.a[i] ? da.narrow(0, offset, rank).to(m.a.scalar_type()) : Tensor());
    out.b.push_back(used && rank > 0 && needs.b[i]
                        ? across(t.narrow(1, offset, rank), b.dy[i], m.b.scalar_type()).t().contiguous()
                        : Tensor());
    offset += rank;
  }
}

}  // namespace

Outputs forward(const Group& group) {
  if (!ours(group, group.x)) return forward_by_libtorch(group);
  const Group g = readable(group);
  const int64_t rows = g.x.size(0), rank = ranks(g);
  Outputs out;
  for (const Member& m : g.members)
    out.y.push_back(at::empty(shaped(group.x, outputs(m)), group.x.options()));
  if (rank > 0) out.t = at::empty({rows, rank}, group.x.options().dtype(at::kFloat));
  if (rows <= gemm::kFewRows) {
    forward_few(g, out);
    return out;
  }
  const int64_t block = gemm::row_block(rows, g.x.size(1) * (g.dropped.defined() ? 2 : 1) + rank);
  for (int64_t row = 0; row < rows; row += block) forward_rows(g, out, row, std::min(block, rows - row));
  return out;
}

Gradients backward(const Group& group, const std::vector<Tensor>& dys, const Tensor& t, const Needs& needs) {
  const auto used = std::find_if(dys.begin(), dys.end(), [](const Tensor& dy) { return dy.defined(); });
  Gradients out;
  if (used == dys.end()) {
    out.weight = out.a = out.b = std::vector<Tensor>(dys.size());
    return out;
  }
  if (!ours(group, *used)) return backward_by_libtorch(group, dys, t, needs);
  const Group g = readable(group);
  Backward b{g, {}, {}, {}, {}, needs.separate};
  int64_t depth = 0;
  for (const Tensor& dy : dys) {
    b.dy.push_back(dy.defined() ? dense(flat(dy)) : Tensor());
    depth += dy.defined() ? dy.size(-1) : 0;
  }
  const int64_t rank = ranks(g), inputs = quantized::shape_of(g.members[0].weight).inputs;
  const int64_t rows = c10::multiply_integers(used->sizes().slice(0, used->dim() - 1));
  if (rank > 0) b.dt = at::zeros({rows, rank}, used->options().dtype(at::kFloat));
  if (needs.x) b.dx = at::empty(shaped(*used, inputs), used->options());
  if (needs.dropped && rank > 0) b.ddropped = at::empty(shaped(*used, inputs), used->options());
  if (b.dx.defined() || rank > 0) {
    const int64_t block = gemm::row_block(rows, depth + rank);
    for (int64_t row = 0; row < rows; row += block) b.rows(row, std::min(block, rows - row));
  }
  gradients_of_members(b, t, needs, out);
  out.x = b.dx;
  out.dropped = b.ddropped;
  return out;
}

}  // namespace anneal::lora_linear
