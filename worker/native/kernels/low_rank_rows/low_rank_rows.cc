// low_rank_rows.h by gemm.h, and by libtorch where gemm.h does not apply.
#include "low_rank_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include "../each.h"
#include "../gemm/matrix.h"

namespace anneal::low_rank_rows {

namespace {

using at::Tensor;
using gemm::dense;
using gemm::into;
using gemm::matrix_of;
using gemm::turned;

struct Range {
  Tensor y, x, a, b;
};

std::vector<Range> checked(const Tensor& y, const Tensor& x, at::TensorList a, at::TensorList b, at::IntArrayRef rows) {
  TORCH_CHECK(y.dim() == 2 && x.dim() == 2 && y.size(0) == x.size(0), "y has the shape ", y.sizes(), " and x ",
              x.sizes(), "; they must have two dimensions and as many rows");
  TORCH_CHECK(a.size() == b.size() && rows.size() == 2 * a.size(), "there are ", a.size(), " factors a, ", b.size(),
              " factors b and ", rows.size(), " numbers of rows; each pair of factors must have two");
  std::vector<Range> ranges;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t from = rows[2 * i], count = rows[2 * i + 1];
    TORCH_CHECK(from >= 0 && count >= 0 && from + count <= y.size(0), "rows ", from, " and ", count,
                " behind it are not all of the ", y.size(0), " rows");
    TORCH_CHECK(a[i].dim() == 2 && b[i].dim() == 2 && a[i].size(1) == x.size(1) && b[i].size(0) == y.size(1) &&
                    a[i].size(0) == b[i].size(1),
                "a[", i, "] and b[", i, "] have the shapes ", a[i].sizes(), " and ", b[i].sizes(), "; they must be [r, ",
                x.size(1), "] and [", y.size(1), ", r]");
    ranges.push_back({y.narrow(0, from, count), x.narrow(0, from, count), a[i], b[i]});
  }
  return ranges;
}

void by_products(const Range& range) {
  const Tensor x = dense(range.x), a = dense(range.a), b = dense(range.b);
  const Tensor between = at::empty({x.size(0), a.size(0)}, x.options().dtype(at::kFloat));
  gemm::product(matrix_of(x), turned(matrix_of(a)), into(between));
  gemm::Output sum = into(range.y);
  sum.residual = sum.data;
  sum.residual_ld = sum.ld;
  sum.residual_storage = sum.storage;
  gemm::product(matrix_of(between), turned(matrix_of(b)), sum);
}

void by_libtorch(const Range& range) {
  const auto type = range.y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor between = at::mm(range.x.to(type), range.a.to(type).t());
  Tensor(range.y).copy_(range.y.to(type).addmm_(between, range.b.to(type).t()));
}

Tensor& add_low_rank_(Tensor& y, const Tensor& x, at::TensorList a, at::TensorList b, at::IntArrayRef rows) {
  const std::vector<Range> ranges = checked(y, x, a, b, rows);
  each(static_cast<int64_t>(ranges.size()), 1, [&](int64_t i, int64_t) {
    const Range& r = ranges[i];
    y.stride(1) == 1 && gemm::ours({r.y, r.x, r.a, r.b}) ? by_products(r) : by_libtorch(r);
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kSchema); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("add_low_rank_", TORCH_FN(add_low_rank_)); }

}  // namespace anneal::low_rank_rows
