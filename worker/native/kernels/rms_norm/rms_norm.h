// Root-mean-square norm over the last dimension.
//
//   n = x * rstd,  rstd = 1 / sqrt(mean(x^2) + eps)
//   offset 0 (Llama order):  y = round(n) * weight
//   offset 1 (Gemma order):  y = n * (offset + weight)
//
// x [..., D] float64, float32 or bfloat16 (a strided view with a dense last dimension is read in
// place), weight [D]; results have x's type and are contiguous. Arithmetic in float32 (float64 for
// float64). Saved for the backward: x, weight and rstd.
//
//   g = dy * (offset + weight)        dx = rstd * (g - n * mean(g * n))        dweight = sum over
//   rows of dy * n
//
// dweight is summed over fixed groups of rows, then over groups: the same bits for any number of
// threads.
#pragma once

#include "../rows/rows.h"

namespace anneal::rms_norm {

inline constexpr const char* kSchemas[] = {
    "rms_norm(Tensor x, Tensor weight, float eps, float offset=0.) -> Tensor",
    "_rms_norm_forward(Tensor x, Tensor weight, float eps, float offset) -> (Tensor y, Tensor rstd)",
    "_rms_norm_backward(Tensor grad, Tensor x, Tensor weight, Tensor rstd, float offset, "
    "bool need_weight) -> (Tensor dx, Tensor dweight)",
};

struct Forward {
  rows::Rows x;
  void* y;            // contiguous
  void* rstd;         // [rows], arithmetic type
  const void* weight; // [size], arithmetic type
  int64_t size;
  double eps;
  double offset;
};

struct Backward {
  rows::Rows x;
  rows::Rows grad;
  void* dx; // contiguous
  const void* rstd;
  const void* weight;
  int64_t size;
  double offset;
};

struct Loops {
  void (*forward)(const Forward& f, int64_t begin, int64_t end);
  // dweight [size], arithmetic type, is added to; null: not needed
  void (*backward)(const Backward& b, void* dweight, int64_t begin, int64_t end);
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

} // namespace anneal::rms_norm
