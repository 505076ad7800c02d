// Rotary position embedding, half-split pairs (x_i, x_{i+d/2}) of the first d dimensions:
//
//   y_i = x_i cos_i - x_{i+d/2} sin_i        y_{i+d/2} = x_{i+d/2} cos_i + x_i sin_i        y_j =
//   x_j for j >= d
//
// x [T, heads, D] float64, float32 or bfloat16 (strided view with dense last dimension); cos and
// sin [T, d/2] are gathered by position and hold the attention factor; they are float32 (float64
// for float64). Arithmetic in the tables' type, one rounding. The result is new and contiguous; the
// backward turns by the opposite angle and saves the tables only.
#pragma once

#include "../rows/rows.h"

namespace anneal::rope {

inline constexpr const char* kSchemas[] = {
    "rope(Tensor x, Tensor cos, Tensor sin) -> Tensor",
    "_rope(Tensor x, Tensor cos, Tensor sin, bool inverse) -> Tensor",
};

struct Turn {
  rows::Rows from;
  rows::Rows to;
  const void* cos; // [outer, pairs], arithmetic type
  const void* sin;
  int64_t size;
  int64_t pairs;
  bool inverse;
};

using Loop = void (*)(const Turn& turn, int64_t begin, int64_t end);

namespace portable {
Loop loop(rows::Element element);
}
namespace avx2 {
Loop loop(rows::Element element);
}
namespace avx512 {
Loop loop(rows::Element element);
}

} // namespace anneal::rope
