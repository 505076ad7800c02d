// Arguments of swiglu, checked, with the memory of the results, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "../rows/rows_of.h"
#include "swiglu.h"

namespace anneal::swiglu {

// Holds what `gate` points into.
struct Arguments {
  at::Tensor gate_rows, up_rows, grad_rows, y, dgate, dup;
  Gate gate;
  rows::Element element;
  Activation activation;
  int64_t count; // rows
};

inline void check_like(const at::Tensor& x, const char* name, const at::Tensor& gate) {
  TORCH_CHECK(x.sizes() == gate.sizes() && x.scalar_type() == gate.scalar_type(), name, " is ",
              x.scalar_type(), " ", x.sizes(), "; it must be gate's ", gate.scalar_type(), " ",
              gate.sizes());
}

inline Arguments common_arguments(const at::Tensor& gate, const at::Tensor& up, int64_t activation) {
  TORCH_CHECK(gate.dim() >= 1, "gate has no dimension; it must be [..., size]");
  TORCH_CHECK(activation >= 0 && activation <= 2, "activation is ", activation,
              "; it must be 0 (silu), 1 (gelu, tanh form) or 2 (gelu)");
  check_like(up, "up", gate);
  Arguments a;
  a.element = rows::element_of(gate, "gate");
  a.activation = static_cast<Activation>(activation);
  a.gate_rows = rows::dense_rows(gate);
  a.up_rows = rows::dense_rows(up);
  a.gate = {};
  a.gate.gate = rows::rows_of(a.gate_rows);
  a.gate.up = rows::rows_of(a.up_rows);
  a.gate.size = gate.size(-1);
  a.count = rows::row_count(gate);
  return a;
}

inline Arguments forward_arguments(const at::Tensor& gate, const at::Tensor& up,
                                   int64_t activation) {
  Arguments a = common_arguments(gate, up, activation);
  a.y = at::empty(gate.sizes(), gate.options());
  a.gate.y = a.y.mutable_data_ptr();
  return a;
}

inline Arguments backward_arguments(const at::Tensor& grad, const at::Tensor& gate,
                                    const at::Tensor& up, int64_t activation) {
  Arguments a = common_arguments(gate, up, activation);
  check_like(grad, "grad", gate);
  a.grad_rows = rows::dense_rows(grad);
  a.dgate = at::empty(gate.sizes(), gate.options());
  a.dup = at::empty(gate.sizes(), gate.options());
  a.gate.grad = rows::rows_of(a.grad_rows);
  a.gate.dgate = a.dgate.mutable_data_ptr();
  a.gate.dup = a.dup.mutable_data_ptr();
  return a;
}

} // namespace anneal::swiglu
