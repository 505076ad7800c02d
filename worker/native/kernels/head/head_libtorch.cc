// head.h in operators of libtorch, for float64, other devices and CPUs that multiply bfloat16
// themselves. The gradient of the rows is an operator of its own, so that CUDA can replace it by
// one kernel (head_cuda.cu).

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <tuple>

#include "../gemm/wide_product.h"
#include "head_run.h"

namespace anneal::head {

namespace {

using at::Tensor;

// u [rows, V] in place. factor [rows]: weight times inv_n. Returns nll, loss (not weighted), hit.
std::tuple<Tensor, Tensor, Tensor> head_rows_(Tensor& u, const Tensor& labels, const Tensor& factor, double cap,
                                              double smoothing, double z_loss, bool need_grad) {
  const auto wide = u.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  Tensor z = u.to(wide);
  if (cap > 0) z = at::tanh(z / cap) * cap;
  const Tensor index = labels.unsqueeze(1);
  const Tensor lse = at::logsumexp(z, at::IntArrayRef{1}, true), label = at::gather(z, 1, index);
  const Tensor nll = (lse - label).squeeze(1);
  Tensor loss = nll * (1 - smoothing) + (lse * lse).squeeze(1) * z_loss;
  if (smoothing > 0) loss += (lse.squeeze(1) - z.mean(1)) * smoothing;
  const Tensor hit = label.squeeze(1).ge(z.amax(1));
  if (need_grad) {
    Tensor g = at::exp(z - lse) * (1 + lse * (2 * z_loss));
    if (smoothing > 0) g -= smoothing / static_cast<double>(z.size(1));
    g.scatter_add_(1, index, at::full(index.sizes(), smoothing - 1, g.options()));
    if (cap > 0) g *= 1 - (z / cap).square();
    u.copy_(g * factor.unsqueeze(1));
  }
  return {nll, loss, hit};
}

std::tuple<Tensor, Tensor, Tensor> rows_(Tensor& u, const Tensor& labels, const Tensor& factor, const Settings& set,
                                         bool need_grad) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_head_rows_", "")
                             .typed<decltype(head_rows_)>();
  return op.call(u, labels, factor, set.cap, set.smoothing, set.z_loss, need_grad);
}

// a b, its sums neither kept nor returned in less than float32.
Tensor summed(const Tensor& a, const Tensor& b) {
  return gemm::wide_product(a, b, a.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace

Tensor run_by_libtorch(const Input& in, const Settings& set) {
  const int64_t rows = in.h.size(0), vocabulary = in.weight.size(0);
  const int64_t fits = std::clamp<int64_t>((64 << 20) / (4 * vocabulary), 64, 512);
  const int64_t chunk = set.chunk > 0 ? set.chunk : in.h.is_cpu() ? fits : std::max<int64_t>(fits, 512);
  const bool gradient = set.need_dh || in.dweight.defined();
  const auto type = in.h.scalar_type();
  const Tensor weight = in.weight.to(type);
  Tensor sums = at::zeros({3}, in.h.options().dtype(at::kDouble));
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const Tensor h = in.h.narrow(0, first, count);
    Tensor u = summed(h, weight.t());
    if (set.scale != 1) u.mul_(set.scale);
    const Tensor factor = in.row_weight.defined() ? in.row_weight.narrow(0, first, count) * set.inv_n
                                                  : at::full({count}, set.inv_n, in.nll.options());
    auto [nll, loss, hit] = rows_(u, in.labels.narrow(0, first, count), factor, set, gradient);
    in.nll.narrow(0, first, count).copy_(nll);
    sums += at::stack({nll.sum(at::kDouble), (loss * factor).sum(at::kDouble), hit.sum(at::kDouble)});
    if (gradient && set.scale != 1) u.mul_(set.scale);
    if (!gradient) continue;
    const Tensor g = u.to(type);
    if (set.need_dh) in.dh.narrow(0, first, count).copy_(summed(g, weight));
    if (in.dweight.defined()) Tensor(in.dweight).add_(summed(g.t(), h));
  }
  return sums;
}

TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("_head_rows_", TORCH_FN(head_rows_)); }

}  // namespace anneal::head
