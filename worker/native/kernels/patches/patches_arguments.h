// Arguments of patches, checked, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include "../rows/rows_of.h"
#include "patches.h"

namespace anneal::patches {

// The gradient of patches has kernel * kernel columns for each channel of x.
inline Grid check_arguments(const at::Tensor& x, int64_t height, int64_t width, int64_t kernel,
                            bool is_gradient) {
  TORCH_CHECK(kernel > 0 && kernel % 2 == 1 && kernel < 64, "kernel is ", kernel,
              "; it must be odd and below 64");
  TORCH_CHECK(height > 0 && width > 0, "a picture has ", height, " x ", width,
              " pixels; it must have some");
  TORCH_CHECK(x.dim() == 2 && x.size(0) % (height * width) == 0, "x has the shape ", x.sizes(),
              "; it must be [pictures of ", height * width, " pixels, channels]");
  const int64_t area = is_gradient ? kernel * kernel : 1;
  TORCH_CHECK(x.size(1) % area == 0, "the gradient has ", x.size(1),
              " columns; they must be a multiple of ", area);
  rows::element_of(x, "x");
  return {height, width, x.size(1) / area, kernel};
}

} // namespace anneal::patches
