// Scales of groups by fp4.h, of the bits of their largest magnitude. Static on purpose: see isa.h.
#pragma once

#include "../float4.h"
#include "../float8.h"

namespace anneal::fp4 {

constexpr uint32_t kNotFinite = 0x7f800000;

// g, which the largest value of a matrix becomes 448 * 6 by; 1 where that is too much for float32.
ANNEAL_HOST_DEVICE static inline float global_of(uint32_t largest) {
  if (largest >= kNotFinite) return bits_to_float(0x7fc00000u);
  const float most = bits_to_float(largest), least = 1.17549435e-38f;
  const float found = kLargestFloat8 * kLargestFloat4 / (most > least ? most : least);
  return float_to_bits(found) < kNotFinite ? found : 1;
}

struct Scale {
  uint8_t code;
  float value;  // what x is divided by
};

ANNEAL_HOST_DEVICE static inline Scale scale_in_float8(uint32_t largest, float global, bool stochastic) {
  const float free = bits_to_float(largest) / kLargestFloat4 * global;
  const float wanted = free < kLargestFloat8 ? free : kLargestFloat8;
  uint8_t code = to_float8(wanted);
  if (stochastic && from_float8(code) < wanted) code += 1;
  // As files have a group of zeros: 0.125.
  if (code == 0) code = 0x20;
  return {code, from_float8(code) / global};
}

ANNEAL_HOST_DEVICE static inline Scale power_of_two(uint32_t largest, bool stochastic) {
  if (largest >= kNotFinite) return {255, bits_to_float(0x7fc00000u)};
  // Carries into the exponent at 1.75, or at the least power of two above.
  const uint32_t sixth = float_to_bits(bits_to_float(largest) / kLargestFloat4);
  const int found = stochastic ? static_cast<int>((sixth + 0x7fffffu) >> 23)
                               : static_cast<int>((largest + 0x200000u) >> 23) - 2;
  // 2^0 for zeros, and what is as small.
  const int code = found < 1 ? 127 : found > 254 ? 254 : found;
  return {static_cast<uint8_t>(code), bits_to_float(static_cast<uint32_t>(code) << 23)};
}

}  // namespace anneal::fp4
