// Rotations by orthonormal Hadamard matrices, and what is made of rotated values without storing
// them.
//
//   rows     y = x H         H = (S (x) V) / sqrt(n)     a row of n = K p values is K x p of them; V: Walsh-Hadamard of p = 2^k,
//                                                        natural order; S: mixes the K parts
//   tokens   y = (I (x) V) x / sqrt(block)               over rows, in blocks of 2^k of them; rows behind the last are zero
//
// S by kind: Hartley, S_ij = cos(2 pi i j / K) + sin(2 pi i j / K) with K the odd part of n: its
// own inverse, entries up to sqrt(2); Paley, entries of 1 and -1, where n has one with K at most
// 64, else Hartley; Block, S = I: parts are not mixed. For a power of two all are the
// Walsh-Hadamard matrix. The way back is the transposed matrix: of rows by `transposed`, of tokens
// the same again.
//
// Arithmetic is float32 (float64 for float64), rounded once at the end. Stages of V go from the
// widest to the narrowest.
//
//   quantize   codes = to nearest of y / s, ties to even; s = max(|y| max, 1e-12) / most; one s a tensor
//
// format 1: whole numbers of 8 bits, most = 127; 2: e4m3, most = 448, magnitudes above it become
// it; 0: y itself and s = 1. y is x with its rows rotated (kind), then tokens (block). What is not
// finite gives s = NaN: whatever is multiplied with s is NaN.
#pragma once

#include <stdint.h>

#include "../rows/rows.h"

namespace anneal::hadamard {

inline constexpr const char* kSchemas[] = {
    "rotate_rows(Tensor x, int kind, *, bool transposed=False, ScalarType? dtype=None) -> Tensor",
    "rotate_tokens(Tensor x, int block, int rows, *, ScalarType? dtype=None) -> Tensor",
    "quantize_rotated(Tensor x, int format, int kind=0, int block=0) -> (Tensor codes, Tensor scale)",
};

enum Kind : int64_t { kNone = 0, kHartley = 1, kPaley = 2, kBlock = 3 };
enum Format : int64_t { kExact = 0, kInt8 = 1, kFloat8 = 2 };

// Where rotated values go. Streamed bfloat16 passes the caches by.
enum class Sink { kFloat64, kFloat32, kBFloat16, kLargest, kCode8, kFloat8, kStreamed };
constexpr int kSinks = 7;

struct Job {
  const void* in;
  int64_t in_ld, in_rows;
  void* out;
  int64_t out_ld, out_rows;
  int64_t columns;
  int64_t outer, inner;  // of a rotated row
  const void* mixing;    // outer x outer in the type of the arithmetic, or null
  int64_t block;         // of rotated tokens
  double factor;
  float inverse;  // codes are of y * inverse
  // What `both` makes of x as it is: in_rows rows, as far apart as those of out; codes of x *
  // plain_inverse.
  void* plain_out;
  float plain_inverse;
};

// The bits of the largest magnitude, which order as numbers do, and what is not finite above all
// others. For kLargest.
struct Most {
  uint32_t rotated, plain;
};

// Loops of an instruction set.
struct Loops {
  // Rows [begin, end), rotated each; `buffer` has `outer` vectors behind a row.
  Most (*rows)(const Job& job, int64_t begin, int64_t end, void* buffer);
  // Columns [begin, end) of a block of tokens; `buffer` has kStripBytes a token. `out` may be `in`.
  Most (*tokens)(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer);
  // The same, and what becomes of tokens that are not rotated, in one reading. Null where no codes
  // are made.
  Most (*both)(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer);
};
namespace portable {
const Loops& loops(rows::Element element, Sink sink);
}
namespace avx2 {
const Loops& loops(rows::Element element, Sink sink);
}
namespace avx512 {
const Loops& loops(rows::Element element, Sink sink);
}

// Of a token in the buffer.
constexpr int64_t kStripBytes = 256;
constexpr int64_t kVectorBytes = 64;

}  // namespace anneal::hadamard
