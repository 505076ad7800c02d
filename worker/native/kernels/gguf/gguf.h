// Quantised blocks of GGUF files, to and from floating point.
//
// in: gguf_dequantize: uint8, contiguous, whole blocks in file order. gguf_quantize: float32,
//       bfloat16, float16 or float64, contiguous, rows of whole blocks; importance: float32, one
//       weight a column, by which squared errors of that column count.
// out: a new tensor, 1-dimensional: `numel` values of `dtype`, or the bytes of the blocks.
// maths: float32, each product and sum rounded once (no fma) and sums in the order of the values,
//       so that values and bytes are those of the reference implementation bit for bit; decoded
//       values are then rounded once to `dtype`.
// Deterministic, the same bytes with every instruction set; blocks are independent and divided over
// threads.
#pragma once

#include <stdint.h>

namespace anneal::gguf {

constexpr const char* kDequantizeSchema =
    "gguf_dequantize(Tensor blocks, int type, int numel, *, ScalarType dtype) -> Tensor";
constexpr const char* kQuantizeSchema =
    "gguf_quantize(Tensor input, int type, Tensor? importance=None) -> Tensor";

// Numbers of the types in a file.
enum class Type : int64_t {
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
};

constexpr int64_t kBlock = 32;       // values of a plain block
constexpr int64_t kSuperBlock = 256; // values of a K block

} // namespace anneal::gguf
