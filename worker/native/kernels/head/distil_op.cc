// The operators of distil.h: checks, then the version for the device.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <optional>
#include <tuple>

#include "../gemm/matrix.h"
#include "distil_run.h"

namespace anneal::distil {

namespace {

using at::Tensor;

void check_settings(const Settings& set) {
  TORCH_CHECK(set.mix >= 0 && set.mix <= 1, "mix is ", set.mix, "; it must be in [0, 1]");
  TORCH_CHECK(set.temperature > 0, "temperature is ", set.temperature, "; it must be above 0");
  TORCH_CHECK(set.cap >= 0 && set.chunk >= 0, "cap is ", set.cap, " and chunk ", set.chunk,
              "; they must not be negative");
}

void check_weight(const Tensor& h, const Tensor& weight, int64_t k) {
  TORCH_CHECK(weight.dim() == 2 && weight.size(1) == h.size(1) && weight.size(0) > 0, "weight has the shape ",
              weight.sizes(), "; it must be [vocabulary, ", h.size(1), "], the last dimension of h");
  TORCH_CHECK(k >= 1 && k <= weight.size(0), "k is ", k, "; it must be 1 to the vocabulary, ", weight.size(0));
}

template <class Id>
void check_within(const Tensor& of, const char* name, int64_t vocabulary) {
  if (!of.is_cpu()) return;  // a look at them would wait for the device
  const Id* id = of.const_data_ptr<Id>();
  for (int64_t i = 0; i < of.numel(); ++i)
    TORCH_CHECK(id[i] >= 0 && id[i] < vocabulary, name, "[", i, "] is ", id[i], "; it must be in [0, ", vocabulary,
                ")");
}

void check(const Input& in, const Settings& set) {
  const int64_t rows = in.h.size(0), vocabulary = in.weight.size(0), k = in.ids.size(1);
  check_settings(set);
  check_weight(in.h, in.weight, k);
  TORCH_CHECK(in.labels.scalar_type() == at::kLong && in.labels.size(0) == rows, "labels are ",
              in.labels.scalar_type(), " [", in.labels.size(0), "]; they must be int64, one a row of h: ", rows);
  TORCH_CHECK(in.ids.scalar_type() == at::kInt && in.ids.size(0) == rows, "ids are ", in.ids.scalar_type(), " ",
              in.ids.sizes(), "; they must be int32, k for each row of h: ", rows);
  TORCH_CHECK(in.log_q.size(0) == rows && in.log_q.size(1) == k + 1, "log_q has the shape ", in.log_q.sizes(),
              "; it must be [", rows, ", ", k + 1, "]");
  TORCH_CHECK(!in.dweight.defined() || (in.dweight.sizes() == in.weight.sizes() && in.dweight.is_contiguous() &&
                                        in.dweight.scalar_type() == in.nll.scalar_type()),
              "dweight is not a contiguous ", in.nll.scalar_type(), " tensor like weight ", in.weight.sizes());
  check_within<int64_t>(in.labels, "labels", vocabulary);
  check_within<int32_t>(in.ids, "ids", vocabulary);
}

at::ScalarType wide(const Tensor& t) { return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

std::tuple<Tensor, Tensor, Tensor, Tensor> head_distil(const Tensor& h, const Tensor& weight, const Tensor& labels,
                                                       const Tensor& ids, const Tensor& log_q, double inv_n,
                                                       int64_t chunk, double cap, double mix, double temperature,
                                                       const std::optional<Tensor>& dweight) {
  TORCH_CHECK(h.dim() >= 1 && ids.dim() >= 1 && log_q.dim() >= 1, "h, ids and log_q must be [..., n]");
  const at::NoGradGuard no_tape;
  const Settings set{inv_n, chunk, cap, mix, temperature};
  const auto options = h.options().dtype(wide(h));
  Input in{gemm::flat(h).detach(),
           weight.detach(),
           labels.reshape({-1}).contiguous(),
           gemm::flat(ids).contiguous(),
           gemm::flat(log_q).to(wide(h)).contiguous(),
           dweight.value_or(Tensor()),
           Tensor(),
           Tensor(),
           Tensor()};
  in.nll = at::empty({in.h.size(0)}, options);
  in.divergence = at::empty_like(in.nll);
  check(in, set);
  const Tensor dh = at::empty(h.sizes(), h.options());
  in.dh = gemm::flat(dh);
  const auto doubles = h.options().dtype(at::kDouble);
  if (in.h.size(0) == 0) return {in.nll, in.divergence, at::zeros({4}, doubles), dh};
  if (!gemm::ours({in.h, in.weight})) return {in.nll, in.divergence, run_by_libtorch(in, set), dh};
  const Sums sums = run(in, set);
  return {in.nll, in.divergence, at::tensor({sums.nll, sums.objective, sums.hits, sums.divergence}, doubles), dh};
}

std::tuple<Tensor, Tensor> head_top(const Tensor& h, const Tensor& weight, int64_t k, int64_t chunk, double cap,
                                    double temperature) {
  TORCH_CHECK(h.dim() == 2, "h has the shape ", h.sizes(), "; it must be [rows, H]");
  const at::NoGradGuard no_tape;
  const Settings set{1, chunk, cap, 1, temperature};
  check_settings(set);
  check_weight(h, weight, k);
  const int64_t rows = h.size(0);
  const Top top{h.detach(), weight.detach(), at::empty({rows, k}, h.options().dtype(at::kInt)),
                at::empty({rows, k + 1}, h.options().dtype(wide(h)))};
  if (rows > 0 && gemm::ours({top.h, top.weight})) run(top, set);
  else if (rows > 0) run_by_libtorch(top, set);
  return {top.ids, top.log_q};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("head_distil", TORCH_FN(head_distil));
  m.impl("head_top", TORCH_FN(head_top));
}

}  // namespace anneal::distil
