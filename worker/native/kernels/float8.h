// e4m3 (a sign, four bits of exponent with bias 7, three of mantissa; no infinity, NaN is 0x7f),
// for loops that a compiler vectorises. Static on purpose: see isa.h.
#pragma once

#include "bfloat16.h"

namespace anneal {

constexpr float kLargestFloat8 = 448;

ANNEAL_HOST_DEVICE static inline float from_float8(uint8_t code) {
  const uint32_t exponent = code >> 3 & 15, mantissa = code & 7;
  // Below 2^-6 the steps are 2^-9.
  const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 0.001953125f
                                        : bits_to_float((exponent + 120) << 23 | mantissa << 20);
  return code & 0x80 ? -magnitude : magnitude;
}

// To nearest, ties to even; magnitudes above the largest become it, and NaN too.
ANNEAL_HOST_DEVICE static inline uint8_t to_float8(float value) {
  const uint32_t sign = float_to_bits(value) >> 24 & 0x80;
  const float absolute = bits_to_float(float_to_bits(value) & 0x7fffffffu);
  const float magnitude = absolute < kLargestFloat8 ? absolute : kLargestFloat8;
  // 2^14 has steps of 2^-9.
  const uint32_t small = float_to_bits(magnitude + 16384.0f) - float_to_bits(16384.0f);
  const uint32_t bits = float_to_bits(magnitude);
  const uint32_t large = ((bits + 0x7ffffu + (bits >> 20 & 1)) >> 20) - (120u << 3);
  return static_cast<uint8_t>(sign | (magnitude < 0.015625f ? small : large));
}

} // namespace anneal
