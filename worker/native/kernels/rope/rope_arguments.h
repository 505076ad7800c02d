// Arguments of rope, checked, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include "../rows/rows_of.h"
#include "rope.h"

namespace anneal::rope {

// Holds the tables that `turn` points into.
struct Arguments {
  at::Tensor cos, sin;
  Turn turn;
  rows::Element element;
  int64_t count; // rows
};

inline Arguments check_arguments(const at::Tensor& x, const at::Tensor& y, const at::Tensor& cos,
                                 const at::Tensor& sin, bool inverse) {
  TORCH_CHECK(x.dim() == 3, "x has the shape ", x.sizes(), "; it must be [tokens, heads, size]");
  TORCH_CHECK(cos.dim() == 2 && cos.size(0) == x.size(0) && 2 * cos.size(1) <= x.size(2),
              "cos has the shape ", cos.sizes(), "; it must be [", x.size(0), ", at most ",
              x.size(2) / 2, "]");
  TORCH_CHECK(sin.sizes() == cos.sizes(), "sin has the shape ", sin.sizes(), "; it must be cos's, ",
              cos.sizes());
  Arguments a;
  a.cos = cos.to(rows::arithmetic_of(x)).contiguous();
  a.sin = sin.to(rows::arithmetic_of(x)).contiguous();
  a.turn = {rows::rows_of(x), rows::rows_of(y), a.cos.const_data_ptr(), a.sin.const_data_ptr(),
            x.size(2),        a.cos.size(1),    inverse};
  a.element = rows::element_of(x, "x");
  a.count = x.size(0) * x.size(1);
  return a;
}

} // namespace anneal::rope
