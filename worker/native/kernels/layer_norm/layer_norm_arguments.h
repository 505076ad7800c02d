// Arguments of layer_norm, checked, with the memory of the results, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "../rows/rows_of.h"
#include "layer_norm.h"

namespace anneal::layer_norm {

// weight or bias, in the type of the arithmetic.
inline at::Tensor of_columns(const at::Tensor& values, const char* name, const at::Tensor& x) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) >= 1, "x has the shape ", x.sizes(),
              "; its last dimension must not be empty");
  TORCH_CHECK(values.dim() == 1 && values.size(0) == x.size(-1), name, " has the shape ",
              values.sizes(), "; it must be [", x.size(-1), "], the last dimension of x");
  return values.to(rows::arithmetic_of(x)).contiguous();
}

// Holds what `forward` points into.
struct ForwardArguments {
  at::Tensor x, weight, bias, y, mean, rstd;
  Forward forward;
  rows::Element element;
  int64_t count;
};

inline ForwardArguments forward_arguments(const at::Tensor& x_in, const at::Tensor& weight,
                                          const at::Tensor& bias, double eps) {
  TORCH_CHECK(eps > 0, "eps is ", eps, "; it must be positive, or a row of equal values has no norm");
  TORCH_CHECK(bias.scalar_type() == weight.scalar_type(), "weight is ", weight.scalar_type(),
              " and bias ", bias.scalar_type(), "; they must be alike");
  ForwardArguments a;
  a.weight = of_columns(weight, "weight", x_in);
  a.bias = of_columns(bias, "bias", x_in);
  a.element = rows::element_of(x_in, "x");
  a.x = rows::dense_rows(x_in);
  a.count = rows::row_count(a.x);
  a.y = at::empty(a.x.sizes(), a.x.options());
  a.mean = at::empty({a.count}, a.weight.options());
  a.rstd = at::empty({a.count}, a.weight.options());
  a.forward = {rows::rows_of(a.x),
               a.y.mutable_data_ptr(),
               a.mean.mutable_data_ptr(),
               a.rstd.mutable_data_ptr(),
               a.weight.const_data_ptr(),
               a.bias.const_data_ptr(),
               a.x.size(-1),
               eps};
  return a;
}

struct BackwardArguments {
  at::Tensor x, grad, weight, mean, rstd, dx;
  Backward backward;
  rows::Element element;
  int64_t count;
};

inline BackwardArguments backward_arguments(const at::Tensor& grad, const at::Tensor& x_in,
                                            const at::Tensor& weight, const at::Tensor& mean,
                                            const at::Tensor& rstd) {
  TORCH_CHECK(grad.sizes() == x_in.sizes() && grad.scalar_type() == x_in.scalar_type(), "grad is ",
              grad.scalar_type(), " ", grad.sizes(), "; it must be x's ", x_in.scalar_type(), " ",
              x_in.sizes());
  BackwardArguments a;
  a.weight = of_columns(weight, "weight", x_in);
  a.element = rows::element_of(x_in, "x");
  a.x = rows::dense_rows(x_in);
  a.grad = rows::dense_rows(grad);
  a.mean = mean;
  a.rstd = rstd;
  a.count = rows::row_count(a.x);
  a.dx = at::empty(a.x.sizes(), a.x.options());
  a.backward = {rows::rows_of(a.x),
                rows::rows_of(a.grad),
                a.dx.mutable_data_ptr(),
                mean.const_data_ptr(),
                rstd.const_data_ptr(),
                a.weight.const_data_ptr(),
                a.x.size(-1)};
  return a;
}

} // namespace anneal::layer_norm
