// distil.h in operators of libtorch, for float64 and other devices.

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "../gemm/wide_product.h"
#include "distil_run.h"

namespace anneal::distil {

namespace {

using at::Tensor;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::ScalarType wide(const Tensor& t) { return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// Sums neither kept nor returned in less than float32.
Tensor summed(const Tensor& a, const Tensor& b) { return gemm::wide_product(a, b, wide(a)); }

Tensor logits(const Tensor& h, const Tensor& weight, const Settings& set) {
  Tensor z = summed(h, weight.t());
  return set.cap > 0 ? z.div_(set.cap).tanh_().mul_(set.cap) : z;
}

// The row without the ids, over the temperature; what is at the ids; logs of the sums of the
// exponentials of the first, and of all.
struct Split {
  Tensor others, picked, rest, tempered;
};

Split split(const Tensor& z, const Tensor& index, const Settings& set) {
  Split s;
  s.picked = at::gather(z, 1, index) / set.temperature;
  s.others = z.scatter(1, index, -kInfinity).div_(set.temperature);
  s.rest = at::logsumexp(s.others, at::IntArrayRef{1}, true);
  s.tempered = at::logaddexp(s.rest, at::logsumexp(s.picked, at::IntArrayRef{1}, true));
  return s;
}

// Loss of a chunk; z becomes its gradient, without inv_n. Returns nll, divergence, hits.
std::tuple<Tensor, Tensor, Tensor> rows_(Tensor& z, const Tensor& labels, const Tensor& ids, const Tensor& log_q,
                                         const Settings& set) {
  const Tensor index = ids.to(at::kLong), at_label = labels.unsqueeze(1);
  const int64_t k = index.size(1);
  const Tensor lse = at::logsumexp(z, at::IntArrayRef{1}, true), label = at::gather(z, 1, at_label);
  const Tensor hit = label.squeeze(1).ge(z.amax(1)), q = log_q.exp();
  const Tensor slope = set.cap > 0 ? (z / set.cap).square_().neg_().add_(1) : Tensor();
  const Split s = split(z, index, set);
  const Tensor log_p = at::cat({s.picked, s.rest}, 1) - s.tempered;
  const Tensor divergence = at::where(q > 0, q * (log_q - log_p), 0.0).sum(1);
  const double soft = set.mix / set.temperature, hard = 1 - set.mix;
  // Without any others there is nothing to divide by.
  const Tensor from = at::where(s.rest.isinf(), s.tempered, s.rest);
  const Tensor factor = (from - s.tempered).exp_().sub_(q.narrow(1, k, 1)).mul_(soft);
  Tensor g = at::exp(s.others - from).mul_(factor);
  if (hard != 0) g.add_((z - lse).exp_(), hard);
  const Tensor at_ids = (at::gather(z, 1, index) - lse).exp_().mul_(hard) +
                        ((s.picked - s.tempered).exp_() - q.narrow(1, 0, k)).mul_(soft);
  g.scatter_(1, index, at_ids);
  g.scatter_add_(1, at_label, at::full(at_label.sizes(), -hard, g.options()));
  z = set.cap > 0 ? g.mul_(slope) : g;
  return {(lse - label).squeeze(1), divergence, hit};
}

// Several copies of the logits exist here.
int64_t rows_at_a_time(const Tensor& h, int64_t vocabulary, const Settings& set) {
  return chunk_of(h.size(0), vocabulary, set, 32 << 20);
}

}  // namespace

Tensor run_by_libtorch(const Input& in, const Settings& set) {
  const int64_t rows = in.h.size(0);
  const int64_t chunk = rows_at_a_time(in.h, in.weight.size(0), set);
  const auto type = in.h.scalar_type();
  const Tensor weight = in.weight.to(type);
  Tensor sums = at::zeros({4}, in.h.options().dtype(at::kDouble));
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const auto part = [&](const Tensor& t) { return t.narrow(0, first, count); };
    const Tensor h = part(in.h);
    Tensor z = logits(h, weight, set);
    auto [nll, divergence, hit] = rows_(z, part(in.labels), part(in.ids), part(in.log_q), set);
    part(in.nll).copy_(nll);
    part(in.divergence).copy_(divergence);
    const Tensor objective = nll * (1 - set.mix) + divergence * set.mix;
    sums += at::stack({nll.sum(at::kDouble), objective.sum(at::kDouble) * set.inv_n, hit.sum(at::kDouble),
                       divergence.sum(at::kDouble)});
    const Tensor g = z.mul_(set.inv_n).to(type);
    part(in.dh).copy_(summed(g, weight));
    if (in.dweight.defined()) Tensor(in.dweight).add_(summed(g.t(), h));
  }
  return sums;
}

void run_by_libtorch(const Top& top, const Settings& set) {
  const int64_t rows = top.h.size(0), k = top.ids.size(1);
  const int64_t chunk = rows_at_a_time(top.h, top.weight.size(0), set);
  const Tensor weight = top.weight.to(top.h.scalar_type());
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const Tensor z = logits(top.h.narrow(0, first, count), weight, set);
    const Tensor index = std::get<1>(at::topk(z, k, 1));
    const Split s = split(z, index, set);
    top.ids.narrow(0, first, count).copy_(index);
    top.log_q.narrow(0, first, count).copy_(at::cat({s.picked, s.rest}, 1) - s.tempered);
  }
}

}  // namespace anneal::distil
