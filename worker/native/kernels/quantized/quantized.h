// Frozen matrices in 8, 4, 3 or 2 bits: made once from a dense one, read by products (gemm.h) panel
// by panel, never widened as a whole.
//
//   NF4        w = nf4[code] * absmax                     absmax float32 a group (Dettmers et al. 2023, QLoRA)
//   NF4Double  the same, absmax = map[code8] * s + o      s float32 for 256 of them, o their mean
//   Int8       w = code * (absmax / 127)                  code from -127 to 127; a group, or one a row
//   Int4       w = (code - zero) * step                   step bfloat16 rounded up, zero from 0 to 15
//   Int3, Int2 the same, codes and zero from 0 to 7 or 3
//
// in: quantize_weight: float32 or bfloat16 [rows, columns], finite. `group` values of a row share a
// scale: a power of
//       two from 32 to 4096 that divides the columns, or, for Int8, 0 for the whole row. symmetric: Int4, Int3 and
//       Int2 alone, the range is the same on both sides and zero is 8, 4 or 2.
// Products read the float32 values above beside float32 operands, and those rounded to bfloat16
// beside bfloat16 ones; other types and devices as the type of the operands has them. out: one
// contiguous uint8 tensor, layout.h. dequantize_weight: rows [first, first + count) as float32
// rounded once
//       to `dtype`. quantized_parts: copies of codes and scales, then map, nested and offset of NF4Double, or zeros.
// Bits: codes, absmax and, with double quantisation, codes of absmax, s, map and o are those of
// bitsandbytes 0.50.2 on a
//       processor, torch on one thread. Codes are computed with the exact absmax, as there. Deterministic for any number
//       of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include "layout.h"

namespace anneal::quantized {

inline constexpr const char* kSchemas[] = {
    "quantize_weight(Tensor weight, int format, int group, bool symmetric=False) -> Tensor",
    "dequantize_weight(Tensor weight, *, ScalarType dtype, int first=0, int? count=None) -> Tensor",
    "quantized_parts(Tensor weight) -> Tensor[]",
    "_quantized_shape(Tensor weight) -> int[]",
    // x W^T of a device, x float32 or bfloat16 [up to kFewRows, inputs]; sums in float32.
    "_quantized_few_rows(Tensor x, Tensor weight) -> Tensor",
};

inline bool is_quantized(const at::Tensor& weight) { return weight.defined() && weight.scalar_type() == at::kByte; }

// The checked header of a quantised weight. For one on a device it is read once and then kept, for
// as long as its memory lives and nobody writes to it: reading waits for the device.
Header header_of(const at::Tensor& weight);
// Keeps the header of a weight of a device whose bytes the host has just made.
void keep_header(const at::Tensor& weight, const Header& header);

struct Shape {
  int64_t outputs, inputs;
};

// Of a weight [outputs, inputs], dense or quantised.
inline Shape shape_of(const at::Tensor& weight) {
  if (is_quantized(weight)) {
    const Header h = header_of(weight);
    return {h.rows, h.columns};
  }
  TORCH_CHECK(weight.dim() == 2, "a weight has the shape ", weight.sizes(), "; it must be [outputs, inputs]");
  return {weight.size(0), weight.size(1)};
}

// Rows of a weight in a dense type; the weight itself where it is dense.
at::Tensor dense_rows(const at::Tensor& weight, at::ScalarType dtype, int64_t first, int64_t count);

// x W^T for x [rows, inputs] and dy W for dy [rows, outputs] in operators of libtorch, on any
// device and in any type: W is made dense some rows at a time, but where a device has a product for
// x of few rows.
at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight);
at::Tensor times(const at::Tensor& dy, const at::Tensor& weight);

}  // namespace anneal::quantized
