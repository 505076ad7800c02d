// Matrices in 4 bits as operands of a product, and linear layers whose three products have them.
//
// Values are e2m1 (float4.h), and groups of neighbours along what the product sums over share a
// scale, where m is the largest magnitude of the group:
//
//   NVFP4   x = q e / g     16 values; e is e4m3((m / 6) g), and g = 448 * 6 / |x| max of the matrix
//   MXFP4   x = q 2^k       32 values; m is 3.5 to 7 times 2^k, as others write it: what is cut off
//                           moves by no more than half a step
//
// quantize_fp4: x [rows, columns] float32 or bfloat16, groups along its rows, or with `columns`
// along its columns, as if x were turned. Where they do not come out even, x is continued by zeros.
// With `signs` (bit i: value i of a group is negated) a group is rotated first, by the
// Walsh-Hadamard matrix of its size, times the signs, over the root of its size: products of two
// operands with the same signs stay as they are. `square` (NVFP4): 16 x 16 values share a scale, so
// that codes serve products over rows and over columns. In float32, each operation rounded.
//
// Without `key` values are rounded to nearest. With one they are rounded stochastically, up with
// the probability of the distance from below to 16 bits; scales are rounded up, so that no value is
// cut off and the expected value is x: e upwards, and m is 3 to 6 times 2^k. The draw of value j of
// group i of row o is (h + 1/2) 2^-16, h half j % 8 of the block (i * size / 8 + j / 8) * rows + o
// of Philox4x32-10 (philox.h), domain kDomain, offset `site`, halves of words in order, low half
// first: it depends on key, site and place alone.
//
// out: codes uint8 [rows, groups * size / 2], the first of two in the low half; scales e4m3, or
// uint8 k + 127, [rows, groups] or [rows / 16, groups]; tensor_scale, one float32: 1 / g, or 1.
// What is not finite gives products that are not: g is NaN, or the scale of its group (255).
// dequantize_fp4: x without the tensor scale, in bfloat16 or float32, exactly: 6 bits at most. x in
// float64 is not quantized: codes are its values, rotated.
//
// fp4_linear_group, of layers that read one x, codes of W_i being quantize_fp4(W_i), NVFP4 square:
//
//           F, forward         E, gradient of x                       G, gradient of W
//   NVFP4   q(x) q(W)^T        s(dy) q(W)                             s(S dy^T) q(S x^T)^T
//   MXFP4   q(x) q(W)^T        s(dy S) s(S q(W))                      s(S dy^T) s(S q(x)^T)^T
//
// q rounds to nearest, s stochastically, S rotates with signs along what is summed over. keys: one
// a layer; sites 0 to 3 are dy of E, dy of G, W of E and x of G, which takes the first key.
#pragma once

#include <stdint.h>

namespace anneal::fp4 {

inline constexpr const char* kSchemas[] = {
    "quantize_fp4(Tensor x, int format, *, bool columns=False, bool square=False, int? signs=None, int? key=None, int site=0) "
    "-> (Tensor codes, Tensor scales, Tensor tensor_scale)",
    "dequantize_fp4(Tensor codes, Tensor scales, *, ScalarType dtype) -> Tensor",
    "fp4_linear_group(Tensor x, Tensor[] weights, Tensor[] codes, Tensor[] scales, Tensor[] tensor_scales, Tensor?[] biases, "
    "int format, int signs, int[] keys) -> Tensor[]",
};

enum Format : int64_t { kNVFP4 = 1, kMXFP4 = 2 };
constexpr int size_of_group(int64_t format) { return format == kNVFP4 ? 16 : 32; }
constexpr int kSquare = 16;    // rows that share a scale
constexpr int kMostGroup = 32;
constexpr int kTile = 64;      // rows of one task
constexpr uint32_t kDomain = 5;  // third counter word; 0 to 4 are those of others (affine_groups.h)

struct Job {
  const void* x;
  int64_t ld;
  bool is_bfloat16, columns, square, rotates, stochastic;
  int64_t format;
  int size;                     // of a group
  int64_t rows, depth, groups;  // of the operand, turned where groups are along columns
  uint32_t signs;
  uint64_t key;
  uint32_t site;
  float global;  // g
  uint8_t *codes, *scales;
};

struct Coded {
  const uint8_t *codes, *scales;
  int64_t format;
  int size;
  bool square;
  int64_t groups;
};

// Loops of an instruction set. Tasks are numbered by rows / kTile, then groups.
struct Loops {
  // The bits of the largest magnitude, which order as numbers do, and what is not finite above.
  uint32_t (*largest)(const Job& job, int64_t begin, int64_t end);
  void (*encode)(const Job& job, int64_t begin, int64_t end);
  // Rows [begin, end).
  void (*to_float32)(const Coded& from, float* to, int64_t begin, int64_t end);
  void (*to_bfloat16)(const Coded& from, uint16_t* to, int64_t begin, int64_t end);
};
namespace portable {
extern const Loops loops;
}
namespace avx2 {
extern const Loops loops;
}
namespace avx512 {
extern const Loops loops;
}

}  // namespace anneal::fp4
