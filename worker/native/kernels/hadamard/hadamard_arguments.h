// Arguments of hadamard.h, checked, with the memory of the results, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "../rows/rows_of.h"
#include "plan.h"

namespace anneal::hadamard {

// Holds what `job` points into.
struct Arguments {
  at::Tensor in, out;
  std::shared_ptr<const Plan> plan;
  rows::Element element;
  Job job;
};

inline void check_matrix(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2, "x has the shape ", x.sizes(), "; it must be [rows, columns]");
}

inline at::Tensor readable(const at::Tensor& x) {
  check_matrix(x);
  return x.stride(1) == 1 || x.size(1) <= 1 ? x : x.contiguous();
}

inline Sink sink_of(at::ScalarType type) {
  return type == at::kDouble ? Sink::kFloat64 : type == at::kFloat ? Sink::kFloat32 : Sink::kBFloat16;
}

inline at::ScalarType wanted_type(const at::Tensor& x, std::optional<at::ScalarType> dtype) {
  const at::ScalarType type = dtype.value_or(x.scalar_type());
  const bool wide = x.scalar_type() == at::kDouble;
  TORCH_CHECK(wide ? type == at::kDouble : type == at::kFloat || type == at::kBFloat16, "dtype is ", type, " and that of x ",
              x.scalar_type(), "; float64 stays float64, others become float32 or bfloat16");
  return type;
}

inline Arguments row_arguments(const at::Tensor& x, int64_t kind, bool transposed) {
  TORCH_CHECK(kind >= kNone && kind <= kBlock, "kind is ", kind, "; it must be 0 (none), 1 (Hartley), 2 (Paley) or 3 (blocks)");
  Arguments a{readable(x), {}, {}, rows::element_of(x, "x"), {}};
  Job& j = a.job;
  j.in = a.in.const_data_ptr();
  j.in_ld = a.in.stride(0);
  j.in_rows = j.out_rows = x.size(0);
  j.columns = j.out_ld = x.size(1);
  j.outer = 1;
  j.inner = 1;
  j.block = 1;
  j.factor = 1;
  j.inverse = 1;
  if (kind == kNone || x.size(1) == 0) return a;
  a.plan = plan_of(x.size(1), kind);
  j.outer = a.plan->outer;
  j.inner = a.plan->inner;
  j.factor = a.plan->factor;
  if (a.plan->mixing.empty()) return a;
  const Plan& p = *a.plan;
  if (a.element == rows::Element::kFloat64)
    j.mixing = (transposed ? p.turned : p.mixing).data();
  else
    j.mixing = (transposed ? p.narrow_turned : p.narrow_mixing).data();
  return a;
}

inline Arguments token_arguments(const at::Tensor& x, int64_t block, int64_t out_rows) {
  TORCH_CHECK(block >= 1 && block <= 4096 && (block & (block - 1)) == 0, "block is ", block,
              "; it must be a power of two up to 4096");
  Arguments a = row_arguments(x, kNone, false);
  a.job.block = block;
  a.job.out_rows = out_rows;
  a.job.factor = 1 / std::sqrt(static_cast<double>(block));
  return a;
}

inline void check_format(const at::Tensor& x, int64_t format) {
  TORCH_CHECK(format >= kExact && format <= kFloat8, "format is ", format, "; it must be 0 (exact), 1 (int8) or 2 (e4m3)");
  check_matrix(x);
  TORCH_CHECK(format == kExact || x.scalar_type() != at::kDouble, "x is float64, which is not quantized; format must be 0");
}

inline int64_t whole_blocks(int64_t rows, int64_t block) { return (rows + block - 1) / block; }

inline void give(Arguments& a, at::ScalarType type) {
  a.out = at::empty({a.job.out_rows, a.job.columns}, a.in.options().dtype(type));
  a.job.out = a.out.mutable_data_ptr();
}

}  // namespace anneal::hadamard
