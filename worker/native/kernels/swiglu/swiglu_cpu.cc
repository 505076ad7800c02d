// CPU entry of swiglu: threads.

#include <ATen/Parallel.h>
#include <torch/library.h>

#include "../isa.h"
#include "swiglu_arguments.h"

namespace anneal::swiglu {

namespace {

using at::Tensor;

void run(Loop loop, const Arguments& a) {
  at::parallel_for(0, a.count, rows::grain(a.gate.size),
                   [&](int64_t begin, int64_t end) { loop(a.gate, begin, end); });
}

Tensor forward(const Tensor& gate, const Tensor& up, int64_t activation) {
  const Arguments a = forward_arguments(gate, up, activation);
  run(ANNEAL_CHOOSE(loops)(a.element, a.activation).forward, a);
  return a.y;
}

std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& gate, const Tensor& up,
                                    int64_t activation) {
  const Arguments a = backward_arguments(grad, gate, up, activation);
  run(ANNEAL_CHOOSE(loops)(a.element, a.activation).backward, a);
  return {a.dgate, a.dup};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_swiglu_forward", TORCH_FN(forward));
  m.impl("_swiglu_backward", TORCH_FN(backward));
}

} // namespace anneal::swiglu
