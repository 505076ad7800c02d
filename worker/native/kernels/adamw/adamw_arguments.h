// Checks of anneal::adamw_'s arguments, the same on each device. In a header, so that the CUDA
// object stands alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <optional>

#include "adamw.h"

namespace anneal::adamw {

inline void check_like(const at::Tensor& tensor, const char* name, const at::Tensor& param) {
  TORCH_CHECK(tensor.sizes() == param.sizes(), name, " has the shape ", tensor.sizes(),
              "; it must be param's, ", param.sizes());
  TORCH_CHECK(tensor.device() == param.device(), name, " is on ", tensor.device(),
              "; it must be on param's device, ", param.device());
  TORCH_CHECK(tensor.is_contiguous(), name, " is not contiguous");
}

inline Type type_of(const at::Tensor& tensor, const char* name) {
  switch (tensor.scalar_type()) {
  case at::kFloat:
    return Type::kFloat32;
  case at::kDouble:
    return Type::kFloat64;
  case at::kBFloat16:
    return Type::kBfloat16;
  default:
    TORCH_CHECK(false, name, " has the dtype ", tensor.scalar_type(),
                "; it must be float32, bfloat16 or float64");
  }
}

inline Factors factors_of(double lr, double beta1, double beta2, double eps, double weight_decay,
                          int64_t step, double grad_scale, std::optional<int64_t> rounding_key) {
  TORCH_CHECK(step >= 1, "step is ", step, "; the first step is 1");
  const double bias1 = 1 - std::pow(beta1, static_cast<double>(step));
  const double bias2 = 1 - std::pow(beta2, static_cast<double>(step));
  return {grad_scale,
          1 - lr * weight_decay,
          1 - beta1,
          beta2,
          1 - beta2,
          lr / bias1,
          std::sqrt(bias2),
          eps,
          rounding_key.has_value(),
          static_cast<uint64_t>(rounding_key.value_or(0))};
}

inline float* master_of(const std::optional<at::Tensor>& master, const at::Tensor& param) {
  if (!master.has_value() || !master->defined())
    return nullptr;
  check_like(*master, "master", param);
  TORCH_CHECK(master->scalar_type() == at::kFloat, "master has the dtype ", master->scalar_type(),
              "; it must be float32");
  TORCH_CHECK(param.scalar_type() == at::kBFloat16, "param is ", param.scalar_type(),
              "; a master copy is for bfloat16");
  return master->mutable_data_ptr<float>();
}

inline Arrays arrays_of(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& exp_avg,
                        const at::Tensor& exp_avg_sq, const std::optional<at::Tensor>& master) {
  TORCH_CHECK(param.is_contiguous(), "param is not contiguous");
  check_like(grad, "grad", param);
  check_like(exp_avg, "exp_avg", param);
  check_like(exp_avg_sq, "exp_avg_sq", param);
  TORCH_CHECK(exp_avg.scalar_type() == exp_avg_sq.scalar_type(), "exp_avg is ",
              exp_avg.scalar_type(), " and exp_avg_sq is ", exp_avg_sq.scalar_type(),
              "; they must be alike");
  const Arrays arrays{param.mutable_data_ptr(),   grad.const_data_ptr(),
                      exp_avg.mutable_data_ptr(), exp_avg_sq.mutable_data_ptr(),
                      master_of(master, param),   type_of(param, "param"),
                      type_of(grad, "grad"),      type_of(exp_avg, "exp_avg")};
  const int doubles = (arrays.param_type == Type::kFloat64) + (arrays.grad_type == Type::kFloat64) +
                      (arrays.state_type == Type::kFloat64);
  TORCH_CHECK(doubles == 0 || doubles == 3, "param, grad and exp_avg are ", param.scalar_type(),
              ", ", grad.scalar_type(), " and ", exp_avg.scalar_type(),
              "; float64 must be all of them or none");
  return arrays;
}

struct Arguments {
  Arrays arrays;
  Factors factors;
};

inline Arguments check_arguments(const at::Tensor& param, const at::Tensor& grad,
                                 const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq,
                                 const std::optional<at::Tensor>& master, double lr, double beta1,
                                 double beta2, double eps, double weight_decay, int64_t step,
                                 double grad_scale, std::optional<int64_t> rounding_key) {
  return {arrays_of(param, grad, exp_avg, exp_avg_sq, master),
          factors_of(lr, beta1, beta2, eps, weight_decay, step, grad_scale, rounding_key)};
}

} // namespace anneal::adamw
