// A change of single values of a weight W [O, I]: index [k] int32 holds places of W in row order,
// ascending and without repetition, value [k] what is added there.
//
//   patched:         W + scatter(index, value) as `type`: a copy, each changed value rounded once
//   sampled_product: out[j] = sum over t of dy[t, index[j] / I] x[t, index[j] % I]
//
// dy [..., O], x [..., I] of one type. out and its sums float64 for float64, else float32. What the
// dense product dy^T x costs is not spent on a processor: each place is one product of two rows of
// dy^T and x^T, by one thread, so bits do not depend on their number. On a device the dense product
// is made some rows at a time, 2^22 values, and read at the places; nothing waits for the device.
#pragma once

#include <ATen/core/Tensor.h>

namespace anneal::sparse_change {

inline constexpr const char* kSchema = "sampled_product(Tensor dy, Tensor x, Tensor index) -> Tensor";

// W dense or quantised (quantized.h); value float32 or float64.
at::Tensor patched(const at::Tensor& weight, const at::Tensor& index, const at::Tensor& value, at::ScalarType type);

at::Tensor sampled_product(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& index);

}  // namespace anneal::sparse_change
