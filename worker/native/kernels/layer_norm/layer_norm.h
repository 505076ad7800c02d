// Layer norm over the last dimension, with weight and bias.
//
//   n = (x - mean) * rstd,  rstd = 1 / sqrt(mean((x - mean)^2) + eps)
//   y = n * weight + bias
//
// x [..., D] float64, float32 or bfloat16 (a strided view with a dense last dimension is read in
// place), weight and bias [D] of one type; results have x's type and are contiguous. Arithmetic in
// float32 (float64 for float64). Deviations are squared behind the mean, so nothing cancels. Saved
// for the backward: x, weight, mean and rstd.
//
//   g = dy * weight        dx = rstd * (g - mean(g) - n * mean(g * n))
//   dweight = sum over rows of dy * n        dbias = sum over rows of dy
//
// Both are summed over fixed groups of rows, then over groups: the same bits for any number of
// threads.
#pragma once

#include "../rows/rows.h"

namespace anneal::layer_norm {

inline constexpr const char* kSchemas[] = {
    "layer_norm(Tensor x, Tensor weight, Tensor bias, float eps) -> Tensor",
    "_layer_norm_forward(Tensor x, Tensor weight, Tensor bias, float eps) "
    "-> (Tensor y, Tensor mean, Tensor rstd)",
    "_layer_norm_backward(Tensor grad, Tensor x, Tensor weight, Tensor mean, Tensor rstd, "
    "bool need_weight) -> (Tensor dx, Tensor dweight, Tensor dbias)",
};

struct Forward {
  rows::Rows x;
  void* y;            // contiguous
  void* mean;         // [rows], arithmetic type
  void* rstd;         // [rows], arithmetic type
  const void* weight; // [size], arithmetic type
  const void* bias;   // [size], arithmetic type
  int64_t size;
  double eps;
};

struct Backward {
  rows::Rows x;
  rows::Rows grad;
  void* dx; // contiguous
  const void* mean;
  const void* rstd;
  const void* weight;
  int64_t size;
};

struct Loops {
  void (*forward)(const Forward& f, int64_t begin, int64_t end);
  // sums [2, size], dweight and dbias in the arithmetic type, are added to; null: not needed
  void (*backward)(const Backward& b, void* sums, int64_t begin, int64_t end);
};

namespace portable {
const Loops& loops(rows::Element element);
}
namespace avx2 {
const Loops& loops(rows::Element element);
}
namespace avx512 {
const Loops& loops(rows::Element element);
}

} // namespace anneal::layer_norm
