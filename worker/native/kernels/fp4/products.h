// Products of matrices in 4 bits: on the CPU by gemm.h of their values in bfloat16, which has them
// exactly; elsewhere, and in float64, by libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace anneal::fp4 {

struct Codes {
  at::Tensor values, scales;
  at::Tensor tensor_scale;  // one float32
};

// How quantize_fp4 reads a matrix.
struct How {
  bool columns = false, square = false;
  std::optional<int64_t> signs, key;
  int64_t site = 0;
};

Codes quantize(const at::Tensor& x, int64_t format, const How& how);

// Values as products read them, without the tensor scale, which a product is multiplied with.
struct Operand {
  at::Tensor values, scale;
};

// The first `columns` values of rows, or all.
Operand operand(const Codes& c, std::optional<int64_t> columns = std::nullopt);

// a b^T + bias for a [rows, depth] and b [columns, depth]; the bias may be undefined.
at::Tensor times_turned(const Operand& a, const Operand& b, const at::Tensor& bias, at::ScalarType type);

// The sum over i of a b.
struct Pair {
  Operand a, b;
};
at::Tensor sum_of(const std::vector<Pair>& pairs, at::ScalarType type);

}  // namespace anneal::fp4
