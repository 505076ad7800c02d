// Tensors → rows.h, with checks. A view whose last dimension is dense is read in place.
#pragma once

#include <ATen/core/Tensor.h>

#include "rows.h"

namespace anneal::rows {

inline Element element_of(const at::Tensor& x, const char* name) {
  switch (x.scalar_type()) {
  case at::kDouble:
    return Element::kFloat64;
  case at::kFloat:
    return Element::kFloat32;
  case at::kBFloat16:
    return Element::kBFloat16;
  default:
    TORCH_CHECK(false, name, " has the dtype ", x.scalar_type(),
                "; it must be float64, float32 or bfloat16");
  }
}

// float64 for float64, else float32.
inline at::ScalarType arithmetic_of(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// x itself where rows_of can describe it, else a copy.
inline at::Tensor dense_rows(const at::Tensor& x) {
  const bool dense = x.is_contiguous() || ((x.dim() == 2 || x.dim() == 3) && x.stride(-1) == 1);
  return dense ? x : x.contiguous();
}

inline Rows rows_of(const at::Tensor& x) {
  void* data = const_cast<void*>(x.const_data_ptr());
  if (x.dim() == 3)
    return {data, x.size(1) > 0 ? x.size(1) : 1, x.stride(0), x.stride(1)};
  if (x.dim() == 2)
    return {data, 1, x.stride(0), 0};
  return {data, 1, x.dim() == 0 ? 1 : x.size(-1), 0};
}

inline int64_t row_count(const at::Tensor& x) {
  return x.dim() == 0 || x.size(-1) == 0 ? 0 : x.numel() / x.size(-1);
}

// Rows that a thread takes at least: about 16 Ki elements, 5 to 10 µs of work.
inline int64_t grain(int64_t size) {
  return 1 + (1 << 14) / (size + 1);
}

} // namespace anneal::rows
