// Checks of the operators of codebook.h, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <tuple>
#include <vector>

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

inline void check_decoded(const at::Tensor& codebooks, at::ScalarType dtype) {
  const bool is_double = codebooks.scalar_type() == at::kDouble;
  TORCH_CHECK(dtype == at::kFloat || dtype == (is_double ? at::kDouble : at::kBFloat16), "dtype is ", dtype, "; ",
              codebooks.scalar_type(), " codebooks give float32 and ", is_double ? "float64" : "bfloat16");
}

inline void check_gradient(const Sizes& size, const at::Tensor& codebooks, const at::Tensor& gradient) {
  TORCH_CHECK(gradient.scalar_type() == codebooks.scalar_type() && gradient.is_contiguous() && gradient.dim() == 2 &&
                  gradient.size(0) == size.rows && gradient.size(1) == size.groups * size.values,
              "gradient is ", gradient.scalar_type(), " ", gradient.sizes(), "; it must be contiguous [", size.rows,
              ", ", size.groups * size.values, "] in the type of the codebooks");
}

inline Sizes check_search(const at::Tensor& targets, const at::Tensor& codebooks, const at::Tensor& codes, int64_t beam) {
  const Sizes size = check_codes(codes, codebooks);
  TORCH_CHECK(codebooks.scalar_type() == at::kFloat, "codebooks are ", codebooks.scalar_type(),
              "; codes are searched in float32");
  TORCH_CHECK(codes.dim() == 2 && targets.scalar_type() == at::kFloat && targets.is_contiguous() &&
                  targets.dim() == 2 && targets.size(0) == size.rows && targets.size(1) == size.values,
              "targets are ", targets.scalar_type(), " ", targets.sizes(), "; they must be contiguous float32 [",
              size.rows, ", ", size.values, "] beside codes [targets, codebooks]");
  TORCH_CHECK(beam >= 1 && beam <= kMostBeam, "beam is ", beam, "; it must be 1 to ", kMostBeam);
  return size;
}

// The codebooks in the order in which a search visits them.
inline std::vector<int> order_of(at::IntArrayRef order, int codebooks) {
  std::vector<int> checked(order.begin(), order.end()), sorted = checked;
  std::sort(sorted.begin(), sorted.end());
  bool is_order = static_cast<int>(sorted.size()) == codebooks;
  for (int k = 0; is_order && k < codebooks; ++k) is_order = sorted[static_cast<size_t>(k)] == k;
  TORCH_CHECK(is_order, "order is [", order, "]; it must name each of the ", codebooks, " codebooks once");
  return checked;
}

} // namespace anneal::codebook
