// Tensors seen as operands of gemm.h.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/accumulate.h>

#include <initializer_list>
#include <utility>

#include "../quantized/quantized.h"
#include "gemm.h"

namespace anneal::gemm {

inline bool storable(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16; }

// float32, bfloat16 and what is quantised are ours; anything else goes to libtorch. Undefined
// operands do not count. A product of bfloat16 alone is not left to libtorch's own instructions for
// it either: it rounds outputs and weights where ours sums in float32, and its bits depend on the
// number of threads.
inline bool ours(std::initializer_list<at::Tensor> operands) {
  for (const at::Tensor& t : operands)
    if (t.defined() && !(t.is_cpu() && (storable(t.scalar_type()) || quantized::is_quantized(t)))) return false;
  return true;
}

inline Storage storage_of(const at::Tensor& t) {
  switch (t.scalar_type()) {
    case at::kFloat:
      return Storage::kFloat32;
    case at::kChar:
      return Storage::kCode8;
    case at::kFloat8_e4m3fn:
      return Storage::kFloat8;
    default:
      return Storage::kBFloat16;
  }
}

// [.., n] as rows of n values.
inline at::Tensor flat(const at::Tensor& t) {
  if (t.dim() == 2) return t;
  return t.reshape({c10::multiply_integers(t.sizes().slice(0, t.dim() - 1)), t.size(-1)});
}

// A tensor that a Matrix can describe: itself if one dimension is dense or it is quantised, else a
// copy.
inline at::Tensor dense(const at::Tensor& t) {
  if (quantized::is_quantized(t)) return t;
  return t.stride(1) == 1 || t.stride(0) == 1 ? t : t.contiguous();
}

inline Matrix matrix_of(const at::Tensor& t) {
  const int64_t rows = t.size(0), columns = t.size(1);
  const bool transposed = t.stride(1) != 1 && columns > 1;
  const int64_t stride = transposed ? t.stride(1) : t.stride(0);
  return {t.const_data_ptr(), rows, columns, stride, storage_of(t), transposed};
}

// A weight beside operands of the type `beside`, which says how exactly a quantised one is read.
inline Matrix weight_of(const at::Tensor& t, at::ScalarType beside) {
  if (!quantized::is_quantized(t)) return matrix_of(t);
  const quantized::Header h = quantized::header_of(t);
  // Formats and storages are numbered in one order.
  const int exact = static_cast<int>(Storage::kNF4) + h.format - quantized::kNF4;
  const int rounded = beside == at::kBFloat16 ? kRoundedStorages - static_cast<int>(Storage::kNF4) : 0;
  return {t.const_data_ptr(), h.rows, h.columns, h.columns, static_cast<Storage>(exact + rounded)};
}

inline Matrix turned(Matrix m) {
  std::swap(m.rows, m.columns);
  m.transposed = !m.transposed;
  return m;
}

// A tensor whose last dimension is dense as the result of a product.
inline Output into(const at::Tensor& t) {
  Output out{};
  out.data = t.mutable_data_ptr();
  out.ld = t.dim() == 2 ? t.stride(0) : t.size(-1);
  out.storage = storage_of(t);
  return out;
}

inline void add_bias(Output& out, const at::Tensor& bias) {
  out.bias = bias.const_data_ptr();
  out.bias_storage = storage_of(bias);
}

}  // namespace anneal::gemm
