// By which instructions a GPU multiplies two matrices of codes: decided from their type and shape
// alone, without a look at a device.
#pragma once

#include <stdint.h>

namespace anneal::halo {

enum class Codes8 { kInt8, kFloat8 };
enum class Way : int64_t { kWidened = 0, kInt8 = 1, kFloat8 = 2 };

// Of a [rows, depth] and b [depth, columns] on a GPU of this compute capability (90: sm_90).
struct Sizes {
  int64_t rows, depth, columns;
};

// _int_mm wants more than 16 rows and multiples of 8 behind them, which tensor cores read in pieces
// of 16 bytes; _scaled_mm multiples of 16, and a GPU that has e4m3. Whole numbers are added up in
// 32 bits: 2^17 products of 127 x 127 fit. Where a rule does not hold, codes are widened to
// float32.
constexpr Way way_of(Codes8 codes, Sizes s, int capability) {
  constexpr int64_t kPiece = 16, kDeepest = 1 << 17;
  const bool in_pieces = s.depth > 0 && s.depth % kPiece == 0 && s.columns > 0 && s.columns % kPiece == 0;
  if (!in_pieces) return Way::kWidened;
  if (codes == Codes8::kFloat8) return capability >= 89 && s.rows > 0 ? Way::kFloat8 : Way::kWidened;
  return capability >= 80 && s.rows > kPiece && s.depth <= kDeepest ? Way::kInt8 : Way::kWidened;
}

static_assert(way_of(Codes8::kInt8, {17, 64, 32}, 80) == Way::kInt8);
static_assert(way_of(Codes8::kInt8, {16, 64, 32}, 90) == Way::kWidened, "too few rows");
static_assert(way_of(Codes8::kInt8, {64, 72, 32}, 90) == Way::kWidened, "depth is not whole pieces");
static_assert(way_of(Codes8::kInt8, {64, 64, 40}, 90) == Way::kWidened, "columns are not whole pieces");
static_assert(way_of(Codes8::kInt8, {64, (1 << 17) + 16, 32}, 90) == Way::kWidened, "sums may not fit");
static_assert(way_of(Codes8::kFloat8, {1, 16, 16}, 89) == Way::kFloat8);
static_assert(way_of(Codes8::kFloat8, {64, 64, 64}, 80) == Way::kWidened, "sm_80 has no e4m3");
static_assert(way_of(Codes8::kFloat8, {64, 24, 64}, 90) == Way::kWidened);

} // namespace anneal::halo
