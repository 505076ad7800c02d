// Schemas and checks of affine_groups.h, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "affine_groups.h"

namespace anneal::affine_groups {

inline constexpr const char* kCodeSchema =
    "affine_code_(Tensor(a!) codes, Tensor(b!) scales, Tensor(c!) zeros, Tensor x, int bits, int? key=None) -> Tensor(a!)";
inline constexpr const char* kDecodeSchema =
    "affine_decode(Tensor codes, Tensor scales, Tensor zeros, int columns, bool in_halves=False, *, ScalarType dtype) -> Tensor";
inline constexpr const char* kAddSchema =
    "affine_add_product_(Tensor(a!) codes, Tensor(b!) scales, Tensor(c!) zeros, Tensor left, Tensor right, float alpha, float kept, "
    "int key) -> Tensor(a!)";

inline void check_parts(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros) {
  TORCH_CHECK(codes.scalar_type() == at::kByte && codes.is_contiguous(), "codes is ", codes.scalar_type(),
              "; it must be uint8 and contiguous");
  TORCH_CHECK(scales.scalar_type() == at::kFloat && scales.is_contiguous() && scales.dim() == 2, "scales is ",
              scales.scalar_type(), " ", scales.sizes(), "; it must be contiguous float32 [rows, groups]");
  TORCH_CHECK(zeros.scalar_type() == at::kByte && zeros.is_contiguous() && zeros.sizes() == scales.sizes(), "zeros is ",
              zeros.scalar_type(), " ", zeros.sizes(), "; it must be contiguous uint8 ", scales.sizes());
}

// Values of a group of rows that are so long.
inline int size_of_group(const at::Tensor& scales, int64_t columns) {
  const int64_t groups = scales.size(1);
  TORCH_CHECK(groups > 0 && columns % groups == 0 && columns / groups <= kMost, "a row has ", columns, " values and ",
              groups, " groups; groups must be of one size, at most ", kMost);
  return static_cast<int>(columns / groups);
}

inline Coding check_code(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros, const at::Tensor& x,
                         int64_t bits, std::optional<int64_t> key) {
  check_parts(codes, scales, zeros);
  TORCH_CHECK(bits == 4 || bits == 8, "bits is ", bits, "; it must be 4 or 8");
  TORCH_CHECK(x.scalar_type() == at::kFloat && x.is_contiguous() && x.dim() == 2, "x is ", x.scalar_type(), " ", x.sizes(),
              "; it must be contiguous float32 [rows, columns]");
  TORCH_CHECK(codes.sizes() == x.sizes() && scales.size(0) == x.size(0), "codes has the shape ", codes.sizes(),
              " and scales ", scales.sizes(), "; x has ", x.sizes());
  return {size_of_group(scales, x.size(1)),
          (1 << bits) - 1,
          key.has_value(),
          static_cast<uint64_t>(key.value_or(0)),
          codes.mutable_data_ptr<uint8_t>(),
          scales.mutable_data_ptr<float>(),
          zeros.mutable_data_ptr<uint8_t>()};
}

inline Coded check_decode(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros, int64_t columns,
                          bool in_halves, at::ScalarType dtype) {
  check_parts(codes, scales, zeros);
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "dtype is ", dtype, "; it must be float32 or bfloat16");
  const int64_t values = scales.size(0) * columns, bytes = in_halves ? (values + 1) / 2 : values;
  TORCH_CHECK(codes.numel() == bytes, "codes has ", codes.numel(), " bytes; ", scales.size(0), " rows of ", columns,
              " values need ", bytes);
  return {size_of_group(scales, columns), in_halves, codes.const_data_ptr<uint8_t>(), scales.const_data_ptr<float>(),
          zeros.const_data_ptr<uint8_t>()};
}

// Numbers of 8 bits [rows, columns], and the product left [rows, R] right [R, columns].
inline Coded check_add(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros, const at::Tensor& left,
                       const at::Tensor& right) {
  check_parts(codes, scales, zeros);
  TORCH_CHECK(codes.dim() == 2 && scales.size(0) == codes.size(0), "codes has the shape ", codes.sizes(), " and scales ", scales.sizes(),
              "; both must have the same rows");
  const bool fits = left.dim() == 2 && right.dim() == 2 && left.size(0) == codes.size(0) && right.size(1) == codes.size(1);
  TORCH_CHECK(fits && left.size(1) == right.size(0), "left has the shape ", left.sizes(), " and right ", right.sizes(),
              "; their product must have that of codes, ", codes.sizes());
  const at::ScalarType type = left.scalar_type();
  TORCH_CHECK(type == right.scalar_type() && (type == at::kFloat || type == at::kBFloat16), "left is ", type, " and right ",
              right.scalar_type(), "; both must be float32, or both bfloat16");
  return {size_of_group(scales, codes.size(1)), false, codes.const_data_ptr<uint8_t>(), scales.const_data_ptr<float>(),
          zeros.const_data_ptr<uint8_t>()};
}

}  // namespace anneal::affine_groups
