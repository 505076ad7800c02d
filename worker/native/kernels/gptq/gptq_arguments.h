// Checks of gptq_sweep's arguments, for CPU and CUDA.
#pragma once

#include "gptq.h"

namespace anneal::gptq {

inline void check_matrix(const char* name, const at::Tensor& tensor, at::ScalarType type, int64_t rows, int64_t columns) {
  TORCH_CHECK(tensor.scalar_type() == type && tensor.is_contiguous() && tensor.dim() == 2 && tensor.size(0) == rows &&
                  tensor.size(1) == columns,
              name, " is ", tensor.scalar_type(), " ", tensor.sizes(), "; it must be contiguous ", type, " [", rows,
              ", ", columns, "]");
}

inline Sweep check_arguments(const at::Tensor& weight, at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros,
                      const at::Tensor& factor, const at::Tensor& errors, int64_t first, int64_t group,
                      int64_t largest) {
  TORCH_CHECK(weight.dim() == 2, "weight has the shape ", weight.sizes(), "; it must have two dimensions");
  const int64_t rows = weight.size(0), columns = weight.size(1), count = errors.size(1);
  TORCH_CHECK(group > 0 && columns % group == 0, "group is ", group, "; it must divide the ", columns, " columns");
  TORCH_CHECK(count > 0 && count <= kMostColumns && first >= 0 && first + count <= columns, "the columns are ", first,
              " to ", first + count, "; there may be ", kMostColumns, " of ", columns);
  TORCH_CHECK(largest > 0 && largest < 256, "largest is ", largest, "; a code is from 0 to 255");
  check_matrix("weight", weight, at::kFloat, rows, columns);
  check_matrix("codes", codes, at::kByte, rows, columns);
  check_matrix("scales", scales, at::kFloat, rows, columns / group);
  check_matrix("zeros", zeros, at::kFloat, rows, columns / group);
  check_matrix("factor", factor, at::kFloat, columns, columns);
  return {weight.const_data_ptr<float>(), codes.mutable_data_ptr<uint8_t>(), scales.const_data_ptr<float>(),
          zeros.const_data_ptr<float>(),  factor.const_data_ptr<float>(),    errors.mutable_data_ptr<float>(),
          rows, columns, columns / group, first, count, group, static_cast<float>(largest)};
}

}  // namespace anneal::gptq
