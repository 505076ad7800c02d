// e2m1 (a sign, two bits of exponent, one of mantissa: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their
// negatives), for loops that a compiler vectorises. Static on purpose: see isa.h.
#pragma once

#include "bfloat16.h"

namespace anneal {

constexpr float kLargestFloat4 = 6;

ANNEAL_HOST_DEVICE static inline float from_float4(uint32_t code) {
  const int place = static_cast<int>(code & 7);
  const float number = static_cast<float>(place);
  const float magnitude = place < 4 ? 0.5f * number : place < 6 ? number - 2 : 2 * number - 8;
  return code & 8 ? -magnitude : magnitude;
}

// What is above the largest becomes it, and NaN too.
ANNEAL_HOST_DEVICE static inline float within_float4(float value) {
  const float magnitude = bits_to_float(float_to_bits(value) & 0x7fffffffu);
  return magnitude < kLargestFloat4 ? magnitude : kLargestFloat4;
}

ANNEAL_HOST_DEVICE static inline uint32_t float4_sign(float value) {
  return float_to_bits(value) >> 28 & 8;
}

// To nearest, ties to an even mantissa: whole numbers of steps are the low bits of a sum with
// 1.5 * 2^23.
ANNEAL_HOST_DEVICE static inline uint32_t to_float4(float value) {
  constexpr float kWhole = 12582912;
  const float m = within_float4(value);
  const uint32_t halves = float_to_bits(2 * m + kWhole) & 7, ones = (float_to_bits(m + kWhole) & 7) + 2,
                 twos = (float_to_bits(0.5f * m + kWhole) & 7) + 4;
  return float4_sign(value) | (m < 2 ? halves : m < 4 ? ones : twos);
}

// Up with the probability of the distance from below, for a draw in (0, 1).
ANNEAL_HOST_DEVICE static inline uint32_t to_float4_stochastic(float value, float draw) {
  const float m = within_float4(value);
  const uint32_t halves = static_cast<uint32_t>(static_cast<int32_t>(2 * m + draw)),
                 ones = static_cast<uint32_t>(static_cast<int32_t>(m + draw)) + 2,
                 twos = static_cast<uint32_t>(static_cast<int32_t>(0.5f * m + draw)) + 4;
  return float4_sign(value) | (m < 2 ? halves : m < 4 ? ones : twos);
}

} // namespace anneal
