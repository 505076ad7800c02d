// Products of quantized matrices, and of groups of layers that read one input. On the CPU what
// follows a product is done while its pieces are in a cache, but for float64; elsewhere it follows
// as an operator of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace anneal::halo {

// A matrix of codes and what they are multiplied with; `turned` reads it transposed.
struct Codes {
  at::Tensor values;
  at::Tensor scale;  // float32, one value
  bool turned = false;
};

inline Codes turned(const Codes& c) { return {c.values, c.scale, !c.turned}; }

at::Tensor rotate_rows_back(const at::Tensor& x, int64_t kind, at::ScalarType type);

// ys[i] = x weights[i]^T + biases[i]; a bias may be undefined.
void outputs(const Codes& x, const std::vector<Codes>& weights, const std::vector<at::Tensor>& biases,
             const std::vector<at::Tensor>& ys);

// The first `tokens` rows of B (sum over i of errors[i] weights[i]) H^T in `type`; no B where block
// is 0, no H where kind is. `wide`: what is summed in before rotations.
at::Tensor input_gradient(const std::vector<Codes>& errors, const std::vector<Codes>& weights, int64_t tokens, int64_t block,
                          int64_t kind, at::ScalarType type, at::ScalarType wide);

// [error^T x] H^T in `type`.
at::Tensor weight_gradient(const Codes& error, const Codes& x, int64_t kind, at::ScalarType type);

}  // namespace anneal::halo
