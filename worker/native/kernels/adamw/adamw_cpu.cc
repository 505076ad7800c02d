// CPU entry of anneal::adamw_: checks, factors, threads.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <cmath>
#include <optional>

#include "../isa.h"
#include "adamw.h"

namespace anneal::adamw {

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements a thread takes at least: about 10 µs of work

void check_like(const at::Tensor& tensor, const char* name, const at::Tensor& param) {
  TORCH_CHECK(tensor.sizes() == param.sizes(), name, " has the shape ", tensor.sizes(),
              "; it must be param's, ", param.sizes());
  TORCH_CHECK(tensor.is_contiguous(), name, " is not contiguous");
}

bool is_bf16(const at::Tensor& tensor, const char* name) {
  const auto dtype = tensor.scalar_type();
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, name, " has the dtype ", dtype,
              "; it must be float32 or bfloat16");
  return dtype == at::kBFloat16;
}

Factors factors_of(double lr, double beta1, double beta2, double eps, double weight_decay,
                   int64_t step, double grad_scale) {
  TORCH_CHECK(step >= 1, "step is ", step, "; the first step is 1");
  const double bias1 = 1 - std::pow(beta1, static_cast<double>(step));
  const double bias2 = 1 - std::pow(beta2, static_cast<double>(step));
  return {static_cast<float>(grad_scale),
          static_cast<float>(1 - lr * weight_decay),
          static_cast<float>(1 - beta1),
          static_cast<float>(beta2),
          static_cast<float>(1 - beta2),
          static_cast<float>(lr / bias1),
          static_cast<float>(std::sqrt(bias2)),
          static_cast<float>(eps)};
}

void adamw_cpu(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& exp_avg,
               const at::Tensor& exp_avg_sq, const std::optional<at::Tensor>& master, double lr,
               double beta1, double beta2, double eps, double weight_decay, int64_t step,
               double grad_scale) {
  TORCH_CHECK(param.is_contiguous(), "param is not contiguous");
  check_like(grad, "grad", param);
  check_like(exp_avg, "exp_avg", param);
  check_like(exp_avg_sq, "exp_avg_sq", param);
  TORCH_CHECK(exp_avg.scalar_type() == exp_avg_sq.scalar_type(), "exp_avg is ",
              exp_avg.scalar_type(), " and exp_avg_sq is ", exp_avg_sq.scalar_type(),
              "; they must be alike");
  const bool has_master = master.has_value() && master->defined();
  if (has_master) {
    check_like(*master, "master", param);
    TORCH_CHECK(master->scalar_type() == at::kFloat, "master has the dtype ",
                master->scalar_type(), "; it must be float32");
    TORCH_CHECK(param.scalar_type() == at::kBFloat16, "param is ", param.scalar_type(),
                "; a master copy is for bfloat16");
  }
  const Arrays arrays{param.mutable_data_ptr(),
                      grad.const_data_ptr(),
                      exp_avg.mutable_data_ptr(),
                      exp_avg_sq.mutable_data_ptr(),
                      has_master ? master->mutable_data_ptr<float>() : nullptr,
                      is_bf16(param, "param"),
                      is_bf16(grad, "grad"),
                      is_bf16(exp_avg, "exp_avg")};
  const Factors factors = factors_of(lr, beta1, beta2, eps, weight_decay, step, grad_scale);
  Loop* const update = ANNEAL_CHOOSE(update);
  at::parallel_for(0, param.numel(), kGrain, [&](int64_t begin, int64_t end) {
    update(arrays, factors, begin, end);
  });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("adamw_", TORCH_FN(adamw_cpu)); }

}  // namespace anneal::adamw
