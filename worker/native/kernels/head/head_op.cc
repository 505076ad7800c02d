// The operator of head.h: checks, then the version for the device.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <optional>
#include <tuple>

#include "../gemm/matrix.h"
#include "head_run.h"

namespace anneal::head {

namespace {

using at::Tensor;

void check_labels(const Tensor& labels, int64_t vocabulary) {
  if (!labels.is_cpu()) return;  // a look at them would wait for the device
  const int64_t* label = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i)
    TORCH_CHECK(label[i] >= 0 && label[i] < vocabulary, "labels[", i, "] is ", label[i], "; it must be in [0, ",
                vocabulary, "): select the target rows first");
}

void check(const Input& in, const Settings& set) {
  TORCH_CHECK(in.weight.dim() == 2 && in.weight.size(1) == in.h.size(1), "weight has the shape ", in.weight.sizes(),
              "; it must be [vocabulary, ", in.h.size(1), "], the last dimension of h");
  TORCH_CHECK(in.weight.size(0) > 0, "weight has no rows; the vocabulary must not be empty");
  TORCH_CHECK(in.labels.scalar_type() == at::kLong && in.labels.size(0) == in.h.size(0), "labels are ",
              in.labels.scalar_type(), " [", in.labels.size(0), "]; they must be int64, one a row of h: ",
              in.h.size(0));
  const auto wide = in.h.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  TORCH_CHECK(!in.dweight.defined() || (in.dweight.sizes() == in.weight.sizes() && in.dweight.is_contiguous() &&
                                        in.dweight.scalar_type() == wide),
              "dweight is not a contiguous ", wide, " tensor like weight ", in.weight.sizes());
  TORCH_CHECK(!in.row_weight.defined() || in.row_weight.size(0) == in.h.size(0),
              "row_weight does not have one value a row of h: ", in.h.size(0));
  TORCH_CHECK(set.smoothing >= 0 && set.smoothing < 1, "smoothing is ", set.smoothing, "; it must be in [0, 1)");
  TORCH_CHECK(set.cap >= 0 && set.chunk >= 0, "cap is ", set.cap, " and chunk ", set.chunk,
              "; they must not be negative");
  check_labels(in.labels, in.weight.size(0));
}

std::tuple<Tensor, Tensor, Tensor> head_nll(const Tensor& h, const Tensor& weight, const Tensor& labels,
                                            double inv_n, int64_t chunk, double scale, double cap, double smoothing,
                                            double z_loss, bool need_dh, const std::optional<Tensor>& row_weight,
                                            const std::optional<Tensor>& dweight) {
  TORCH_CHECK(h.dim() >= 1, "h has no dimension; it must be [..., H]");
  const at::NoGradGuard no_tape;
  const Settings set{inv_n, chunk, scale, cap, smoothing, z_loss, need_dh};
  const auto wide = h.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  Input in{gemm::flat(h).detach(), weight.detach(), labels.reshape({-1}).contiguous(), Tensor(),
           dweight.value_or(Tensor()), Tensor(), Tensor()};
  if (row_weight) in.row_weight = row_weight->reshape({-1}).to(wide).contiguous();
  check(in, set);
  in.nll = at::empty({in.h.size(0)}, h.options().dtype(wide));
  const Tensor dh = need_dh ? at::empty(h.sizes(), h.options()) : at::empty({0}, h.options());
  in.dh = need_dh ? gemm::flat(dh) : dh;
  const auto doubles = h.options().dtype(at::kDouble);
  if (in.h.size(0) == 0) return {in.nll, at::zeros({3}, doubles), dh};
  if (!ours(in)) return {in.nll, run_by_libtorch(in, set), dh};
  const Sums sums = run(in, set);
  const Tensor all = at::empty({3}, doubles);
  double* value = all.mutable_data_ptr<double>();
  value[0] = sums.nll;
  value[1] = sums.objective;
  value[2] = static_cast<double>(sums.hits);
  return {in.nll, all, dh};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("head_nll", TORCH_FN(head_nll)); }

}  // namespace anneal::head
