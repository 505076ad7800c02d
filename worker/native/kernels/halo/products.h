// Products of quantized matrices.
#pragma once

#include <ATen/core/Tensor.h>

namespace anneal::halo {

// A matrix of codes and what they are multiplied with; `turned` reads it transposed.
struct Codes {
  at::Tensor values;
  at::Tensor scale;  // float32, one value
  bool turned = false;
};

inline Codes turned(const Codes& c) { return {c.values, c.scale, !c.turned}; }

// out = a b (+ bias), or out += a b. out is float32 or bfloat16; float64 for exact float64. += is for float32 and float64.
void product(const Codes& a, const Codes& b, const at::Tensor& out, const at::Tensor& bias, bool add);

}  // namespace anneal::halo
