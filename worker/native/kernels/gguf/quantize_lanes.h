// As many blocks at once as a register has lanes: lane k of the i-th vector is the i-th value of
// block k. Each lane does what would be done for its block alone, in the same order, so that
// results do not depend on the width of registers.
#pragma once

#include "../simd/simd.h"
#include "quantize.h"

// gcc 12 warns of a value in its own _mm512_min_ps that no lane takes.
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace anneal::gguf::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

namespace {

constexpr int kWide = kLanes<float>;
constexpr float kLargest = 3.402823466e38f;
constexpr float kHalfEnd = 65520; // what is nearest to infinity in half precision

ANNEAL_INLINE F magnitude(F x) {
  return bits_of<F>(bits_of<U>(x) & 0x7fffffff);
}

// To whole numbers, ties to even, for |x| < 2^22.
ANNEAL_INLINE F nearest(F x) {
  constexpr float rounder = 12582912.0f; // 1.5 * 2^23
  return (x + rounder) - rounder;
}

// The whole number from `low` to `high` that is nearest to x; `low` for NaN.
ANNEAL_INLINE F nearest_in(F x, float low, float high) {
  return nearest(smaller(larger(x, splat(low)), splat(high)));
}

ANNEAL_INLINE U whole(F x) {
  return bits_of<U>(__builtin_convertvector(x, I));
}

ANNEAL_INLINE F root(F x) {
#if defined(__AVX512F__)
  return (F)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (F)_mm256_sqrt_ps((__m256)x);
#else
  for (int k = 0; k < kWide; ++k)
    x[k] = __builtin_sqrtf(x[k]);
  return x;
#endif
}

ANNEAL_INLINE bool any(I mask) {
  int32_t found = 0;
  for (int k = 0; k < kWide; ++k)
    found |= mask[k];
  return found != 0;
}

// Bits of half precision, nearest, ties to even, for |x| < 65520.
ANNEAL_INLINE U to_half(F x) {
  const U bits = bits_of<U>(x), size = bits & 0x7fffffff;
  const U normal = (size - 0x38000000 + 0xfff + ((size >> 13) & 1)) >> 13;
  // The last bit of a number near 1/2 is the smallest half.
  const U tiny = bits_of<U>(bits_of<F>(size) + 0.5f) - 0x3f000000;
  return ((bits >> 16) & 0x8000) | (bits_of<I>(size) < 0x38800000 ? tiny : normal);
}

ANNEAL_INLINE F from_half(U half) {
  const U size = half & 0x7fff;
  const F tiny = __builtin_convertvector(bits_of<I>(size), F) * 0x1p-24f;
  const F normal = bits_of<F>((size << 13) + 0x38000000);
  const F value = bits_of<I>(size) < 0x400 ? tiny : normal;
  return bits_of<F>(bits_of<U>(value) | (half & 0x8000) << 16);
}

// Up to kWide blocks of N values and their places in the file.
template <int N, int kBytes> struct Batch {
  alignas(64) F x[N];
  alignas(64) F importance[N];
  F mean_square; // of the row of each block
  I wrong = {};  // not finite
  I large = {};  // needs a step that half precision has not
  uint8_t* out;
  int lanes;
  bool has_importance;

  ANNEAL_INLINE Batch(const Blocks& from, int64_t at)
      : out(from.out + at * kBytes),
        lanes(from.count - at < kWide ? static_cast<int>(from.count - at) : kWide),
        has_importance(from.importance != nullptr) {
    // Lanes without a block repeat the last one.
    const float* rows[kWide];
    for (int k = 0; k < kWide; ++k)
      rows[k] = from.values + (at + (k < lanes ? k : lanes - 1)) * N;
    columns(rows, x);
    for (int i = 0; i < N; ++i)
      wrong |= ~(magnitude(x[i]) <= kLargest);
    if (!has_importance)
      return;
    for (int k = 0; k < kWide; ++k) {
      const int64_t block = from.first + at + (k < lanes ? k : lanes - 1);
      rows[k] = from.importance + block % from.in_row * N;
      mean_square[k] = from.mean_squares ? from.mean_squares[block / from.in_row] : 0;
    }
    columns(rows, importance);
  }

  ANNEAL_INLINE int found() const { return (any(wrong) ? kNotFinite : 0) | (any(large) ? kTooLarge : 0); }

  // A step that was found; sums of squares may have overflowed.
  ANNEAL_INLINE F step(F found) {
    large |= ~(magnitude(found) <= kLargest);
    return found;
  }

  // A step as it is stored.
  ANNEAL_INLINE U half(F step) {
    large |= ~(magnitude(step) < kHalfEnd);
    return to_half(step);
  }

  ANNEAL_INLINE void put_half(int at, U bits) {
    for (int k = 0; k < lanes; ++k) {
      const uint16_t one = static_cast<uint16_t>(bits[k]);
      memcpy(out + k * kBytes + at, &one, sizeof one);
    }
  }

  // byte(i) for i below `count`, a multiple of four.
  template <class Byte> ANNEAL_INLINE void put(int at, int count, Byte byte) {
    for (int i = 0; i < count; i += 4) {
      const U word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
      for (int k = 0; k < lanes; ++k) {
        const uint32_t one = word[k];
        memcpy(out + k * kBytes + at + i, &one, sizeof one);
      }
    }
  }

private:
  static ANNEAL_INLINE void columns(const float* const (&rows)[kWide], F* to) {
    for (int i = 0; i < N; i += kWide) {
      F part[kWide];
#pragma GCC unroll 16
      for (int k = 0; k < kWide; ++k)
        part[k] = load(rows[k] + i);
      transpose<float>(part);
#pragma GCC unroll 16
      for (int k = 0; k < kWide; ++k)
        to[i + k] = part[k];
    }
  }
};

} // namespace

} // namespace anneal::gguf::ANNEAL_ISA
