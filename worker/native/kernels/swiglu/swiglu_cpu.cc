// CPU entry of swiglu: checks and threads.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../isa.h"
#include "../rows/rows_of.h"
#include "swiglu.h"

namespace anneal::swiglu {

namespace {

using at::Tensor;
using rows::dense_rows;
using rows::rows_of;

void check_like(const Tensor& x, const char* name, const Tensor& gate) {
  TORCH_CHECK(x.sizes() == gate.sizes() && x.scalar_type() == gate.scalar_type(), name, " is ",
              x.scalar_type(), " ", x.sizes(), "; it must be gate's ", gate.scalar_type(), " ",
              gate.sizes());
}

const Loops& loops_of(const Tensor& gate, int64_t activation) {
  TORCH_CHECK(gate.dim() >= 1, "gate has no dimension; it must be [..., size]");
  TORCH_CHECK(activation >= 0 && activation <= 2, "activation is ", activation,
              "; it must be 0 (silu), 1 (gelu, tanh form) or 2 (gelu)");
  return ANNEAL_CHOOSE(loops)(rows::element_of(gate, "gate"), static_cast<Activation>(activation));
}

void run(Loop loop, const Gate& g, int64_t count) {
  at::parallel_for(0, count, rows::grain(g.size),
                   [&](int64_t begin, int64_t end) { loop(g, begin, end); });
}

Tensor forward(const Tensor& gate_in, const Tensor& up_in, int64_t activation) {
  const Loops& loops = loops_of(gate_in, activation);
  check_like(up_in, "up", gate_in);
  const Tensor gate = dense_rows(gate_in), up = dense_rows(up_in);
  const Tensor y = at::empty(gate.sizes(), gate.options());
  Gate g{};
  g.gate = rows_of(gate);
  g.up = rows_of(up);
  g.y = y.mutable_data_ptr();
  g.size = gate.size(-1);
  run(loops.forward, g, rows::row_count(gate));
  return y;
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad_in, const Tensor& gate_in,
                                    const Tensor& up_in, int64_t activation) {
  const Loops& loops = loops_of(gate_in, activation);
  check_like(up_in, "up", gate_in);
  check_like(grad_in, "grad", gate_in);
  const Tensor grad = dense_rows(grad_in), gate = dense_rows(gate_in), up = dense_rows(up_in);
  const Tensor dgate = at::empty(gate.sizes(), gate.options());
  const Tensor dup = at::empty(gate.sizes(), gate.options());
  const Gate g{
      rows_of(gate),          rows_of(up),  rows_of(grad), nullptr, dgate.mutable_data_ptr(),
      dup.mutable_data_ptr(), gate.size(-1)};
  run(loops.backward, g, rows::row_count(gate));
  return {dgate, dup};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_swiglu_forward", TORCH_FN(forward));
  m.impl("_swiglu_backward", TORCH_FN(backward));
}

} // namespace anneal::swiglu
