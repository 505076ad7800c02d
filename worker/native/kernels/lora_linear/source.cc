// source.h by the operators rms_norm and swiglu.

#include "source.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <tuple>

namespace anneal::lora_linear {

namespace {

using at::Tensor;

template <class Signature>
auto operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

std::tuple<Tensor, Tensor> norm(const Tensor& x, const Tensor& weight, double eps, double offset) {
  static const auto op = operation<decltype(norm)>("anneal::_rms_norm_forward");
  return op.call(x, weight, eps, offset);
}

std::tuple<Tensor, Tensor> norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& rstd,
                                         double offset, bool need_weight) {
  static const auto op = operation<decltype(norm_backward)>("anneal::_rms_norm_backward");
  return op.call(grad, x, weight, rstd, offset, need_weight);
}

Tensor swiglu(const Tensor& gate, const Tensor& up, int64_t activation) {
  static const auto op = operation<decltype(swiglu)>("anneal::_swiglu_forward");
  return op.call(gate, up, activation);
}

std::tuple<Tensor, Tensor> swiglu_backward(const Tensor& grad, const Tensor& gate, const Tensor& up,
                                           int64_t activation) {
  static const auto op = operation<decltype(swiglu_backward)>("anneal::_swiglu_backward");
  return op.call(grad, gate, up, activation);
}

}  // namespace

std::pair<Tensor, Tensor> Source::make() const {
  switch (kind) {
    case kNorm: {
      auto [y, rstd] = norm(first, second, eps, offset);
      return {y, rstd};
    }
    case kSwiglu:
      return {swiglu(first, second, activation), Tensor()};
    default:
      return {first, Tensor()};
  }
}

Tensor Source::make_again() const { return make().first; }

std::pair<Tensor, Tensor> Source::gradients(const Tensor& input, const Tensor& rstd, bool need_second) const {
  switch (kind) {
    case kNorm: {
      auto [x, weight] = norm_backward(input, first, second, rstd, offset, need_second);
      return {x, weight};
    }
    case kSwiglu: {
      auto [gate, up] = swiglu_backward(input, first, second, activation);
      return {gate, up};
    }
    default:
      return {input, Tensor()};
  }
}

}  // namespace anneal::lora_linear
