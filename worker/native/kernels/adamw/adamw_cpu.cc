// Schema and CPU entry of anneal::adamw_.

#include <ATen/Parallel.h>
#include <torch/library.h>

#include "../isa.h"
#include "adamw_arguments.h"

namespace anneal::adamw {

namespace {

constexpr int64_t kGrain = 1 << 14; // elements a thread takes at least: about 10 µs of work

void adamw_cpu(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& exp_avg,
               const at::Tensor& exp_avg_sq, const std::optional<at::Tensor>& master, double lr,
               double beta1, double beta2, double eps, double weight_decay, int64_t step,
               double grad_scale, std::optional<int64_t> rounding_key) {
  const auto [arrays, factors] =
      check_arguments(param, grad, exp_avg, exp_avg_sq, master, lr, beta1, beta2, eps, weight_decay,
                      step, grad_scale, rounding_key);
  Loop* const update = ANNEAL_CHOOSE(update);
  at::parallel_for(0, param.numel(), kGrain,
                   [&, &arrays = arrays, &factors = factors](int64_t begin, int64_t end) {
                     update(arrays, factors, begin, end);
                   });
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def(kSchema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("adamw_", TORCH_FN(adamw_cpu));
}

} // namespace anneal::adamw
