// low_rank_rows.h by gemm.h, and by libtorch where gemm.h does not apply.
#include "low_rank_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include "../each.h"
#include "../gemm/matrix.h"
#include "../isa.h"
#include "few_rows.h"

namespace anneal::low_rank_rows {

namespace {

using at::Tensor;
using gemm::dense;
using gemm::into;
using gemm::matrix_of;
using gemm::turned;

// Rows of a range up to which its factors are what takes time.
constexpr int64_t kFewRows = 8;

struct Range {
  int64_t from, count;
  const Tensor &a, &b;
};

std::vector<Range> checked(const Tensor& y, const Tensor& x, at::TensorList a, at::TensorList b, at::IntArrayRef rows) {
  TORCH_CHECK(y.dim() == 2 && x.dim() == 2 && y.size(0) == x.size(0), "y has the shape ", y.sizes(), " and x ",
              x.sizes(), "; they must have two dimensions and as many rows");
  TORCH_CHECK(a.size() == b.size() && rows.size() == 2 * a.size(), "there are ", a.size(), " factors a, ", b.size(),
              " factors b and ", rows.size(), " numbers of rows; each pair of factors must have two");
  std::vector<Range> ranges;
  ranges.reserve(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t from = rows[2 * i], count = rows[2 * i + 1];
    TORCH_CHECK(from >= 0 && count >= 0 && from + count <= y.size(0), "rows ", from, " and ", count,
                " behind it are not all of the ", y.size(0), " rows");
    TORCH_CHECK(a[i].dim() == 2 && b[i].dim() == 2 && a[i].size(1) == x.size(1) && b[i].size(0) == y.size(1) &&
                    a[i].size(0) == b[i].size(1),
                "a[", i, "] and b[", i, "] have the shapes ", a[i].sizes(), " and ", b[i].sizes(), "; they must be [r, ",
                x.size(1), "] and [", y.size(1), ", r]");
    if (count > 0) ranges.push_back({from, count, a[i], b[i]});
  }
  return ranges;
}

// Factors in the order in which the loops of few_rows.h read them.
bool lie_as_read(const Range& r) {
  return r.count <= kFewRows && r.a.is_cpu() && r.b.is_cpu() && r.a.scalar_type() == at::kFloat &&
         r.b.scalar_type() == at::kFloat && r.a.size(0) > 0 && r.a.stride(1) == 1 && r.b.stride(0) == 1;
}

void by_loops(const Tensor& y, const Tensor& x, const Range& r, const Range* next) {
  Few f{};
  f.x = gemm::at_row(x.const_data_ptr(), r.from, x.stride(0), gemm::storage_of(x));
  f.y = gemm::at_row(y.mutable_data_ptr(), r.from, y.stride(0), gemm::storage_of(y));
  f.x_ld = x.stride(0);
  f.y_ld = y.stride(0);
  f.count = r.count;
  f.inputs = x.size(1);
  f.outputs = y.size(1);
  f.rank = r.a.size(0);
  f.a = r.a.const_data_ptr<float>();
  f.b = r.b.const_data_ptr<float>();
  f.a_ld = r.a.stride(0);
  f.b_ld = r.b.stride(1);
  f.next = next != nullptr && lie_as_read(*next) ? next->a.const_data_ptr<float>() : nullptr;
  const gemm::Scratch scratch(static_cast<size_t>(kTogether * (f.rank + f.outputs)));
  f.scratch = scratch.data();
  ANNEAL_CHOOSE(run)(x.scalar_type() == at::kBFloat16)(f);
}

void by_products(const Tensor& y, const Tensor& x_rows, const Range& r) {
  const Tensor x = dense(x_rows), a = dense(r.a), b = dense(r.b);
  const Tensor between = at::empty({x.size(0), a.size(0)}, x.options().dtype(at::kFloat));
  gemm::product(matrix_of(x), turned(matrix_of(a)), into(between));
  gemm::Output sum = into(y);
  sum.residual = sum.data;
  sum.residual_ld = sum.ld;
  sum.residual_storage = sum.storage;
  gemm::product(matrix_of(between), turned(matrix_of(b)), sum);
}

void by_libtorch(const Tensor& y, const Tensor& x, const Range& r) {
  const auto type = y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor between = at::mm(x.to(type), r.a.to(type).t());
  Tensor(y).copy_(y.to(type).addmm_(between, r.b.to(type).t()));
}

Tensor& add_low_rank_(Tensor& y, const Tensor& x, at::TensorList a, at::TensorList b, at::IntArrayRef rows) {
  const std::vector<Range> ranges = checked(y, x, a, b, rows);
  const int64_t count = static_cast<int64_t>(ranges.size());
  const bool ours = y.stride(1) == 1 && gemm::ours({y, x});
  const bool by_rows = ours && x.stride(1) == 1 && x.scalar_type() == y.scalar_type();
  each(count, 1, [&](int64_t i, int64_t) {
    const Range& r = ranges[i];
    if (by_rows && lie_as_read(r)) return by_loops(y, x, r, i + 1 < count ? &ranges[i + 1] : nullptr);
    const Tensor own = y.narrow(0, r.from, r.count), read = x.narrow(0, r.from, r.count);
    ours && gemm::ours({r.a, r.b}) ? by_products(own, read, r) : by_libtorch(own, read, r);
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kSchema); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("add_low_rank_", TORCH_FN(add_low_rank_)); }

}  // namespace anneal::low_rank_rows
