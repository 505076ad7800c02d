// Arguments of rms_norm, checked, with the memory of the results, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "../rows/rows_of.h"
#include "rms_norm.h"

namespace anneal::rms_norm {

// In the type of the arithmetic.
inline at::Tensor weight_of(const at::Tensor& weight, const at::Tensor& x) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) >= 1, "x has the shape ", x.sizes(),
              "; its last dimension must not be empty");
  TORCH_CHECK(weight.dim() == 1 && weight.size(0) == x.size(-1), "weight has the shape ",
              weight.sizes(), "; it must be [", x.size(-1), "], the last dimension of x");
  return weight.to(rows::arithmetic_of(x)).contiguous();
}

inline void check_like(const at::Tensor& y, const char* name, const at::Tensor& x) {
  TORCH_CHECK(y.sizes() == x.sizes() && y.scalar_type() == x.scalar_type(), name, " is ",
              y.scalar_type(), " ", y.sizes(), "; it must be x's ", x.scalar_type(), " ", x.sizes());
}

// Holds what `forward` points into.
struct ForwardArguments {
  at::Tensor x, weight, y, rstd;
  Forward forward;
  rows::Element element;
  int64_t count;
};

inline ForwardArguments forward_arguments(const at::Tensor& x_in, const at::Tensor& weight,
                                          double eps, double offset) {
  ForwardArguments a;
  a.weight = weight_of(weight, x_in);
  a.element = rows::element_of(x_in, "x");
  a.x = rows::dense_rows(x_in);
  a.count = rows::row_count(a.x);
  a.y = at::empty(a.x.sizes(), a.x.options());
  a.rstd = at::empty({a.count}, a.weight.options());
  a.forward = {rows::rows_of(a.x),
               a.y.mutable_data_ptr(),
               a.rstd.mutable_data_ptr(),
               a.weight.const_data_ptr(),
               a.x.size(-1),
               eps,
               offset};
  return a;
}

struct BackwardArguments {
  at::Tensor x, grad, weight, rstd, dx;
  Backward backward;
  rows::Element element;
  int64_t count;
};

inline BackwardArguments backward_arguments(const at::Tensor& grad, const at::Tensor& x_in,
                                            const at::Tensor& weight, const at::Tensor& rstd,
                                            double offset) {
  BackwardArguments a;
  a.weight = weight_of(weight, x_in);
  a.element = rows::element_of(x_in, "x");
  check_like(grad, "grad", x_in);
  a.x = rows::dense_rows(x_in);
  a.grad = rows::dense_rows(grad);
  a.rstd = rstd;
  a.count = rows::row_count(a.x);
  a.dx = at::empty(a.x.sizes(), a.x.options());
  a.backward = {rows::rows_of(a.x),
                rows::rows_of(a.grad),
                a.dx.mutable_data_ptr(),
                rstd.const_data_ptr(),
                a.weight.const_data_ptr(),
                a.x.size(-1),
                offset};
  return a;
}

} // namespace anneal::rms_norm
