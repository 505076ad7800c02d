// bfloat16 as bits, for loops that a compiler vectorises. Static on purpose: see isa.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "host_device.h"

namespace anneal {

ANNEAL_HOST_DEVICE static inline float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

ANNEAL_HOST_DEVICE static inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

ANNEAL_HOST_DEVICE static inline float from_bfloat16(uint16_t bits) {
  return bits_to_float(static_cast<uint32_t>(bits) << 16);
}

// To nearest, ties to even; every NaN becomes the quiet one, as c10 does.
ANNEAL_HOST_DEVICE static inline uint16_t to_bfloat16(float value) {
  const uint32_t bits = float_to_bits(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(is_nan ? 0x7fc0u : rounded);
}

// 32 bits for an index: itself where it has no more.
ANNEAL_HOST_DEVICE static inline uint32_t place_of(uint64_t index) {
  return static_cast<uint32_t>(index) + static_cast<uint32_t>(index >> 32) * 0x27d4eb2fu;
}

// 32 random bits of element `index` of the stream `key`: two rounds of a multiply-xorshift mix, for
// stochastic rounding, where a hundred million draws a step are made. Not for anything else.
ANNEAL_HOST_DEVICE static inline uint32_t random_bits(uint64_t key, uint64_t index) {
  uint32_t x = place_of(index) * 0x9e3779b1u ^ static_cast<uint32_t>(key);
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) + static_cast<uint32_t>(key >> 32);
  x = (x ^ (x >> 15)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

// Up or down at random, so that the expected value is `value`. Infinities and NaN stay.
ANNEAL_HOST_DEVICE static inline uint16_t to_bfloat16_stochastic(float value, uint32_t random) {
  const uint32_t bits = float_to_bits(value);
  const bool is_finite = (bits & 0x7f800000u) != 0x7f800000u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const uint32_t rounded = (bits + (is_finite ? random & 0xffffu : 0)) >> 16;
  return static_cast<uint16_t>(is_nan ? 0x7fc0u : rounded);
}

} // namespace anneal
