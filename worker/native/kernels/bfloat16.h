// bfloat16 as bits, for loops that a compiler vectorises. Static on purpose: see isa.h.
#pragma once

#include <stdint.h>

namespace anneal {

static inline float bits_to_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float from_bfloat16(uint16_t bits) {
  return bits_to_float(static_cast<uint32_t>(bits) << 16);
}

// To nearest, ties to even; every NaN becomes the quiet one, as c10 does.
static inline uint16_t to_bfloat16(float value) {
  const uint32_t bits = float_to_bits(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(is_nan ? 0x7fc0u : rounded);
}

}  // namespace anneal
