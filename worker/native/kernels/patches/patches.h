// The inputs of a convolution as rows: of each pixel the window around it, so that a convolution is
// a linear layer on them.
//
//   y[p, (c, i, j)] = x[p + (i - k/2, j - k/2), c], 0 outside of p's own picture
//
// x [pictures * height * width, C], contiguous, pixels row by row; y [same, C * k * k], new and
// contiguous, of x's type; k is odd, the stride 1. Columns are in the order of a weight
// [out, C, k, k], which is then a matrix without being moved. float64, float32 or bfloat16. The
// backward adds up each input's windows in a fixed order, in float32 (float64 for float64), and
// saves nothing:
//
//   dx[q, c] = sum over (i, j) of dy[q - (i - k/2, j - k/2), (c, i, j)]
#pragma once

#include <stdint.h>

#include "../host_device.h"

namespace anneal::patches {

inline constexpr const char* kSchemas[] = {
    "patches(Tensor x, int height, int width, int kernel) -> Tensor",
    "_patches(Tensor x, int height, int width, int kernel) -> Tensor",
    "_patches_backward(Tensor grad, int height, int width, int kernel) -> Tensor",
};

struct Grid {
  int64_t height, width, channels, kernel;
};

// The row of pixel r moved by (down, right), or -1 where that is outside of its picture.
ANNEAL_HOST_DEVICE static inline int64_t moved(const Grid& g, int64_t r, int64_t down,
                                               int64_t right) {
  const int64_t y = r / g.width % g.height + down, x = r % g.width + right;
  const bool is_inside = y >= 0 && y < g.height && x >= 0 && x < g.width;
  return is_inside ? r + down * g.width + right : -1;
}

} // namespace anneal::patches
