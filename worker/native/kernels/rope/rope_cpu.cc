// CPU entry of rope: checks and threads.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../isa.h"
#include "../rows/rows_of.h"
#include "rope.h"

namespace anneal::rope {

namespace {

using at::Tensor;

void turn(const Tensor& x, const Tensor& y, const Tensor& cos_in, const Tensor& sin_in,
          bool inverse) {
  TORCH_CHECK(x.dim() == 3, "x has the shape ", x.sizes(), "; it must be [tokens, heads, size]");
  TORCH_CHECK(cos_in.dim() == 2 && cos_in.size(0) == x.size(0) && 2 * cos_in.size(1) <= x.size(2),
              "cos has the shape ", cos_in.sizes(), "; it must be [", x.size(0), ", at most ",
              x.size(2) / 2, "]");
  TORCH_CHECK(sin_in.sizes() == cos_in.sizes(), "sin has the shape ", sin_in.sizes(),
              "; it must be cos's, ", cos_in.sizes());
  const Tensor cos = cos_in.to(rows::arithmetic_of(x)).contiguous();
  const Tensor sin = sin_in.to(rows::arithmetic_of(x)).contiguous();
  const Turn t{
      rows::rows_of(x), rows::rows_of(y), cos.const_data_ptr(), sin.const_data_ptr(), x.size(2),
      cos.size(1),      inverse};
  const Loop loop = ANNEAL_CHOOSE(loop)(rows::element_of(x, "x"));
  at::parallel_for(0, x.size(0) * x.size(1), rows::grain(x.size(2)),
                   [&](int64_t begin, int64_t end) { loop(t, begin, end); });
}

Tensor rope(const Tensor& x_in, const Tensor& cos, const Tensor& sin, bool inverse) {
  const Tensor x = rows::dense_rows(x_in);
  const Tensor y = at::empty(x.sizes(), x.options());
  turn(x, y, cos, sin, inverse);
  return y;
}

Tensor& rope_(Tensor& x, const Tensor& cos, const Tensor& sin) {
  TORCH_CHECK(x.dim() == 3 && (x.stride(2) == 1 || x.is_contiguous()), "x has the shape ",
              x.sizes(), " and the strides ", x.strides(),
              "; it must be [tokens, heads, size] with a dense last dimension");
  turn(x, x, cos, sin, false);
  return x;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_rope", TORCH_FN(rope));
  m.impl("rope_", TORCH_FN(rope_));
}

} // namespace anneal::rope
