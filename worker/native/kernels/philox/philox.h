// Random numbers without state: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"). A stream is a 64-bit key; element i of a tensor is a function of the key and i
// alone.
//
//   uniform  block i / 4, lane i % 4:  u = (x >> 8) · 2^-24 in [0, 1)
//   mask     1 / keep where u < keep, else 0
//   normal   block i / 2: u₁ in (0, 1], u₂ in [0, 1) of 53 bits each;
//            z = √(-2 ln u₁) · cos 2πu₂ for even i, · sin 2πu₂ for odd i (Box and Muller)
//
// Arithmetic in float64, one cast to the tensor's dtype at the end. Logarithm, sine and cosine are
// written out in + − × ÷ √, which IEEE 754 rounds alike everywhere, and no product is contracted
// with a sum (CMakeLists.txt turns that off, `times` on a GPU): the values are the same bits on
// each machine and device. Absolute error of z: below 2^-45, not the last bit.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../host_device.h"

namespace anneal::philox {

struct Block {
  uint32_t word[4];
};

// The third counter word keeps uniform and normal draws of one key apart.
enum class Domain : uint32_t { kUniform = 0, kNormal = 1 };

// Counter (index low, index high, domain, offset); philox_lanes.h has the same for lanes.
ANNEAL_HOST_DEVICE inline Block block(uint64_t key, uint32_t domain, uint32_t offset,
                                      uint64_t index) {
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
  uint32_t c2 = domain, c3 = offset;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = static_cast<uint64_t>(c0) * 0xD2511F53u;
    const uint64_t b = static_cast<uint64_t>(c2) * 0xCD9E8D57u;
    c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(b);
    c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

ANNEAL_HOST_DEVICE inline Block block(uint64_t key, Domain domain, uint64_t index) {
  return block(key, static_cast<uint32_t>(domain), 0, index);
}

// A product that is rounded before anything is added to it.
ANNEAL_HOST_DEVICE inline double times(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

ANNEAL_HOST_DEVICE inline double uniform24(uint32_t word) {
  return (word >> 8) * 0x1p-24;
}

// 53 bits of two words, in [0, 1).
ANNEAL_HOST_DEVICE inline double uniform53(uint32_t high, uint32_t low) {
  return ((static_cast<uint64_t>(high) << 21) ^ (low >> 11)) * 0x1p-53;
}

// ln u for u in [2^-53, 1]: u = m · 2^e with m in [√½, √2), ln m = 2 artanh((m - 1) / (m + 1)).
ANNEAL_HOST_DEVICE inline double natural_log(double u) {
  uint64_t bits;
  memcpy(&bits, &u, sizeof bits);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  const double s = (m - 1) / (m + 1);
  const double s2 = times(s, s);
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2)
    sum = times(sum, s2) + 1.0 / k;
  return times(exponent, 0.6931471805599453) + times(2 * s, sum);
}

struct CosSin {
  double cos, sin;
};

// Of 2πu for u in [0, 1): a quarter turn, which is exact, and Taylor series on [-π/4, π/4].
ANNEAL_HOST_DEVICE inline CosSin turn(double u) {
  const int quarter = static_cast<int>(4 * u + 0.5); // 4 u is exact, contracted or not
  const double x = times(4 * u - quarter, 1.5707963267948966);
  const double x2 = times(x, x);
  double sin = 1, cos = 1;
  for (int k = 16; k >= 2; k -= 2) {
    sin = 1 - times(sin, x2) / (k * (k + 1));
    cos = 1 - times(cos, x2) / (k * (k - 1));
  }
  sin *= x;
  switch (quarter & 3) {
  case 0:
    return {cos, sin};
  case 1:
    return {-sin, cos};
  case 2:
    return {-cos, -sin};
  default:
    return {sin, -cos};
  }
}

// The two normals of one block.
ANNEAL_HOST_DEVICE inline CosSin normal_pair(uint64_t key, uint64_t index) {
  const Block b = block(key, Domain::kNormal, index);
  const double u1 = uniform53(b.word[0], b.word[1]) + 0x1p-53;
  const double radius = sqrt(-2 * natural_log(u1));
  const CosSin direction = turn(uniform53(b.word[2], b.word[3]));
  return {times(radius, direction.cos), times(radius, direction.sin)};
}

// The values of one block, as each entry defines them.
struct UniformValues {
  static constexpr int64_t kElements = 4;
  uint64_t key;
  double low, high;
  ANNEAL_HOST_DEVICE void operator()(uint64_t index, double* values) const {
    const Block b = block(key, Domain::kUniform, index);
    for (int lane = 0; lane < 4; ++lane) {
      values[lane] = low + times(high - low, uniform24(b.word[lane]));
    }
  }
};

struct MaskValues {
  static constexpr int64_t kElements = 4;
  uint64_t key;
  double keep, kept; // kept: 1 / keep
  ANNEAL_HOST_DEVICE void operator()(uint64_t index, double* values) const {
    const Block b = block(key, Domain::kUniform, index);
    for (int lane = 0; lane < 4; ++lane)
      values[lane] = uniform24(b.word[lane]) < keep ? kept : 0;
  }
};

struct NormalValues {
  static constexpr int64_t kElements = 2;
  uint64_t key;
  double mean, std;
  ANNEAL_HOST_DEVICE void operator()(uint64_t index, double* values) const {
    const CosSin pair = normal_pair(key, index);
    values[0] = mean + times(std, pair.cos);
    values[1] = mean + times(std, pair.sin);
  }
};

} // namespace anneal::philox
