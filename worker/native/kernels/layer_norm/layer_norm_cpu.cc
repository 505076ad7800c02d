// CPU entry of layer_norm: threads, and the order of the sums over rows.

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>

#include "../isa.h"
#include "layer_norm_arguments.h"

namespace anneal::layer_norm {

namespace {

using at::Tensor;

std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                           double eps) {
  const ForwardArguments a = forward_arguments(x, weight, bias, eps);
  const Loops& loops = ANNEAL_CHOOSE(loops)(a.element);
  at::parallel_for(0, a.count, rows::grain(a.forward.size), [&](int64_t begin, int64_t end) {
    loops.forward(a.forward, begin, end);
  });
  return {a.y, a.mean, a.rstd};
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& x,
                                            const Tensor& weight, const Tensor& mean,
                                            const Tensor& rstd, bool need_weight) {
  const BackwardArguments a = backward_arguments(grad, x, weight, mean, rstd);
  const Loops& loops = ANNEAL_CHOOSE(loops)(a.element);
  const int64_t size = a.backward.size;
  if (!need_weight) {
    at::parallel_for(0, a.count, rows::grain(size), [&](int64_t begin, int64_t end) {
      loops.backward(a.backward, nullptr, begin, end);
    });
    return {a.dx, Tensor(), Tensor()};
  }
  // At most 64 groups of at least 16 rows: a function of the shape alone.
  const int64_t group = std::max<int64_t>(16, (a.count + 63) / 64);
  const int64_t groups = (a.count + group - 1) / group;
  const Tensor parts = at::zeros({groups, 2, size}, a.weight.options());
  char* part = static_cast<char*>(parts.mutable_data_ptr());
  const int64_t bytes = 2 * size * parts.element_size();
  at::parallel_for(0, groups, 1 + rows::grain(size) / group, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g)
      loops.backward(a.backward, part + g * bytes, g * group, std::min(a.count, (g + 1) * group));
  });
  const Tensor sums = parts.sum(0).to(weight.scalar_type());
  return {a.dx, sums[0], sums[1]};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_layer_norm_forward", TORCH_FN(forward));
  m.impl("_layer_norm_backward", TORCH_FN(backward));
}

} // namespace anneal::layer_norm
