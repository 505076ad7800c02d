// Checks of the operators of codebook.h, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include "codebook.h"

namespace anneal::codebook {

inline Sizes check_codes(const at::Tensor& codes, const at::Tensor& codebooks) {
  const auto type = codebooks.scalar_type();
  TORCH_CHECK(codebooks.dim() == 3 && codebooks.is_contiguous() && (type == at::kFloat || type == at::kDouble),
              "codebooks are ", type, " ", codebooks.sizes(),
              "; they must be contiguous [codebooks, entries, values], float32 or float64");
  const auto [count, entries, values] = std::tuple{codebooks.size(0), codebooks.size(1), codebooks.size(2)};
  TORCH_CHECK(count >= 1 && count <= kMostCodebooks && entries >= 1 && entries <= kMostEntries && values >= 1 &&
                  values <= kMostValues,
              "codebooks have the shape ", codebooks.sizes(), "; there may be ", kMostCodebooks, " of ", kMostEntries,
              " entries of ", kMostValues, " values");
  TORCH_CHECK(codes.scalar_type() == at::kByte && codes.is_contiguous() && codes.dim() >= 2 && codes.size(-1) == count,
              "codes are ", codes.scalar_type(), " ", codes.sizes(),
              "; they must be contiguous uint8, with one for each codebook last");
  const int64_t rows = codes.size(0), groups = codes.dim() == 3 ? codes.size(1) : 1;
  return {rows, groups, static_cast<int>(count), static_cast<int>(entries), static_cast<int>(values)};
}

// And that no code is beyond its codebook: what is read would be.
inline Sizes check_matrix(const at::Tensor& codes, const at::Tensor& codebooks, const at::Tensor& scales) {
  const Sizes size = check_codes(codes, codebooks);
  TORCH_CHECK(codes.dim() == 3, "codes have the shape ", codes.sizes(), "; it must be [rows, groups, codebooks]");
  TORCH_CHECK(scales.scalar_type() == codebooks.scalar_type() && scales.is_contiguous() && scales.dim() == 1 &&
                  scales.size(0) == size.rows,
              "scales are ", scales.scalar_type(), " ", scales.sizes(), "; they must be [", size.rows,
              "] in the type of the codebooks");
  return size;
}

} // namespace anneal::codebook
