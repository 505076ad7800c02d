// lora_linear.h by gemm.h.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

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
      if (t.defined() && !is_index(t) && !gemm::storable(t.scalar_type())) return false;
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
    for (Tensor* t : {&m.a, &m.b})
      if (t->defined()) *t = is_index(*t) ? t->contiguous() : dense(*t);
  }
  return out;
}

constexpr int64_t kLeastPlaces = 1 << 14;  // a thread

// out[r, j] = factor * from[r, index[j]], out float32 or of the type of from.
void copy_columns(const Tensor& from, const Tensor& index, double factor, const Tensor& out) {
  const int64_t count = index.numel(), width = from.stride(0), step = from.stride(1);
  const int32_t* places = index.const_data_ptr<int32_t>();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, from.scalar_type(), "copy_columns", [&] {
    const scalar_t* source = from.const_data_ptr<scalar_t>();
    const auto into_type = [&](auto* target) {
      using To = std::remove_pointer_t<decltype(target)>;
      const int64_t ld = out.stride(0);
      at::parallel_for(0, from.size(0), std::max<int64_t>(1, kLeastPlaces / (count + 1)), [&](int64_t first, int64_t end) {
        for (int64_t r = first; r < end; ++r)
          for (int64_t j = 0; j < count; ++j)
            target[r * ld + j] = static_cast<To>(static_cast<float>(source[r * width + places[j] * step]) * static_cast<float>(factor));
      });
    };
    if (out.scalar_type() == at::kFloat)
      into_type(out.mutable_data_ptr<float>());
    else
      into_type(out.mutable_data_ptr<scalar_t>());
  });
}

// to[r, index[j]] += from[r, j] for rows [from_row, from_row + rows), each sum rounded once.
void add_columns(const Tensor& to, const Tensor& index, const Tensor& from, int64_t from_row, int64_t rows) {
  const int64_t count = index.numel(), width = to.size(-1), ld = from.stride(0);
  const int32_t* places = index.const_data_ptr<int32_t>();
  const float* source = from.const_data_ptr<float>();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, to.scalar_type(), "add_columns", [&] {
    scalar_t* target = to.mutable_data_ptr<scalar_t>();
    at::parallel_for(from_row, from_row + rows, std::max<int64_t>(1, kLeastPlaces / (count + 1)), [&](int64_t first, int64_t end) {
      for (int64_t r = first; r < end; ++r)
        for (int64_t j = 0; j < count; ++j) {
          scalar_t& place = target[r * width + places[j]];
          place = static_cast<scalar_t>(static_cast<float>(place) + source[r * ld + j]);
        }
    });
  });
}

Output rows_into(const Tensor& t, int64_t from) {
  Output out = into(t);
  out.data = gemm::at_row(out.data, from, out.ld, out.storage);
  return out;
}

// Few rows, as in decoding: no packing; the adapter's part joins as a residual in float32.
void forward_few(const Group& g, const Outputs& out) {
  for (size_t i = 0; i < g.members.size(); ++i) {
    const Member& m = g.members[i];
    const Tensor& t = out.t[i];
    Output y = into(out.y[i]);
    if (m.bias.defined()) gemm::add_bias(y, m.bias);
    Tensor adapter;
    if (m.a.defined() && !is_index(m.a)) {
      gemm::product(matrix_of(g.dropped.defined() ? g.dropped : g.x), turned(matrix_of(m.a)), into(t));
      t.mul_(m.scale);
    }
    if (m.a.defined() && !is_index(m.b)) {
      adapter = at::empty({t.size(0), outputs(m)}, t.options().dtype(at::kFloat));
      Output sum = into(adapter);
      if (is_index(m.a)) sum.alpha = static_cast<float>(m.scale);
      gemm::product(matrix_of(t), turned(matrix_of(m.b)), sum);
      y.residual = adapter.const_data_ptr();
      y.residual_ld = adapter.size(1);
      y.residual_storage = gemm::Storage::kFloat32;
    }
    gemm::product(matrix_of(g.x), turned(weight_of(m.weight, g.x.scalar_type())), y);
    if (is_index(m.b)) add_columns(out.y[i], m.b, t, 0, t.size(0));
  }
}

void forward_rows(const Group& g, const Outputs& out, int64_t from, int64_t rows) {
  const PackedRows x(matrix_of(g.x), from, rows);
  std::optional<PackedRows> dropped;
  if (g.dropped.defined()) dropped.emplace(matrix_of(g.dropped), from, rows);
  for (size_t i = 0; i < g.members.size(); ++i) {
    const Member& m = g.members[i];
    const Tensor& t = out.t[i];
    Output y = rows_into(out.y[i], from);
    if (m.bias.defined()) gemm::add_bias(y, m.bias);
    std::vector<Term> terms{{&x, turned(weight_of(m.weight, g.x.scalar_type()))}};
    std::optional<PackedRows> low;
    if (m.a.defined() && !is_index(m.a)) {
      Output into_t = rows_into(t, from);
      into_t.alpha = static_cast<float>(m.scale);
      gemm::multiply({{dropped ? &*dropped : &x, turned(matrix_of(m.a))}}, m.a.size(0), into_t);
    }
    if (m.a.defined() && !is_index(m.b)) {
      low.emplace(matrix_of(t), from, rows);
      terms.push_back({&*low, turned(matrix_of(m.b)), is_index(m.a) ? static_cast<float>(m.scale) : 1});
    }
    gemm::multiply(terms, outputs(m), y);
    if (is_index(m.b)) add_columns(out.y[i], m.b, t, from, rows);
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
    std::vector<std::pair<Tensor, Tensor>> chosen;  // places of dx, and what is added there
    int64_t offset = 0;
    for (size_t i = 0; i < dy.size(); ++i) {
      const Member& m = group.members[i];
      const int64_t rank = m.a.defined() ? m.a.size(0) : 0;
      if (dy[i].defined()) {
        packed.emplace_back(matrix_of(dy[i]), from, count);
        if (dx.defined()) terms.push_back({&packed.back(), weight_of(m.weight, dy[i].scalar_type())});
        const Tensor t = dt.defined() ? dt.narrow(1, offset, rank) : Tensor();
        if (rank > 0 && is_index(m.b)) {
          copy_columns(dy[i].narrow(0, from, count), m.b, m.scale, t.narrow(0, from, count));
        } else if (rank > 0) {
          Output into_t = rows_into(t, from);
          into_t.alpha = static_cast<float>(m.scale);
          gemm::multiply({{&packed.back(), matrix_of(m.b)}}, rank, into_t);
        }
        if (rank > 0 && is_index(m.a)) {
          chosen.emplace_back(m.a, t);
        } else if (rank > 0) {
          packed.emplace_back(matrix_of(t), from, count);
          low.push_back({&packed.back(), matrix_of(m.a)});
        }
      }
      offset += rank;
    }
    if (!separate) terms.insert(terms.end(), low.begin(), low.end());
    if (dx.defined()) gemm::multiply(terms, dx.size(-1), rows_into(dx, from));
    if (dx.defined())
      for (const auto& [index, t] : chosen) add_columns(dx, index, t, from, count);
    if (ddropped.defined()) gemm::multiply(low, ddropped.size(-1), rows_into(ddropped, from));
  }
};

// The product of two operands that share their rows, left^T right, in the wanted type.
Tensor across(const Tensor& left, const Tensor& right, at::ScalarType type, double scale = 1) {
  const Tensor out = at::empty({left.size(1), right.size(1)}, left.options().dtype(type));
  Output sum = into(out);
  sum.alpha = static_cast<float>(scale);
  gemm::product(turned(matrix_of(left)), matrix_of(right), sum);
  return out;
}

void gradients_of_members(const Backward& b, const std::vector<Tensor>& t, const Needs& needs, Gradients& out) {
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
                        ? across(t[i], b.dy[i], m.b.scalar_type(), is_index(m.a) ? m.scale : 1).t().contiguous()
                        : Tensor());
    offset += rank;
  }
}

}  // namespace

Outputs forward_by_products(const Group& group) {
  if (!ours(group, group.x)) return forward_by_libtorch(group);
  const Group g = readable(group);
  const int64_t rows = g.x.size(0), rank = ranks(g);
  Outputs out;
  for (const Member& m : g.members) {
    out.y.push_back(at::empty(shaped(group.x, outputs(m)), group.x.options()));
    const auto type = is_index(m.a) ? g.x.scalar_type() : at::kFloat;
    out.t.push_back(m.a.defined() ? at::empty({rows, m.a.size(0)}, group.x.options().dtype(type)) : Tensor());
    if (is_index(m.a)) copy_columns(g.x, m.a, 1, out.t.back());
  }
  if (rows <= gemm::kFewRows) {
    forward_few(g, out);
    return out;
  }
  const int64_t block = gemm::row_block(rows, g.x.size(1) * (g.dropped.defined() ? 2 : 1) + rank);
  for (int64_t row = 0; row < rows; row += block) forward_rows(g, out, row, std::min(block, rows - row));
  return out;
}

Gradients backward_by_products(const Group& group, const std::vector<Tensor>& dys, const std::vector<Tensor>& t,
                               const Needs& needs) {
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
