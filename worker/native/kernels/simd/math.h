// Elementary functions on the vectors of simd.h. Errors in units of the last place, measured over
// the whole range: exp2_softmax 0.9, exp 0.9, tanh 1.2, sigmoid 1.3, normal_cdf 2, growing to 40 at
// x = -6.
//
// Policy: NaN passes through; exp is infinite above 88.72 and 0 below -88.03 (float), never
// denormal.
#pragma once

#include "simd.h"

namespace anneal::simd::ANNEAL_ISA {

constexpr float kRounder = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
constexpr int32_t kRounderBits = 0x4b400000;

// p * 2^n for n from -127 (then exactly 0: no denormals) to 128.
ANNEAL_INLINE F times_power_of_two(F p, I n) {
  const I top = n == 128; // 2^128 has no bits of its own: infinity comes from 2^127 * 2
  const F scaled = p * bits_of<F>((n + 127 + top) << 23);
  return top ? scaled + scaled : scaled;
}

// 2^r for |r| <= 1/2: polynomial fitted for the relative error, 2e-9 before rounding.
ANNEAL_INLINE F exp2_fraction(F r) {
  F p = splat(1.53533618e-4f);
  p = fma(p, r, splat(1.33988744e-3f));
  p = fma(p, r, splat(9.61843736e-3f));
  p = fma(p, r, splat(5.55033247e-2f));
  p = fma(p, r, splat(2.40226479e-1f));
  p = fma(p, r, splat(6.93147203e-1f));
  return fma(p, r, splat(1.0f));
}

// 2^x for x < 127.5, the case of a softmax. Below -126.5 exactly 0, which masked scores rely on.
ANNEAL_INLINE F exp2_softmax(F x) {
  x = larger(splat(-127.0f), x);
  const F shifted = x + kRounder;
  const F p = exp2_fraction(x - (shifted - kRounder));
  return p * bits_of<F>((bits_of<I>(shifted) - (kRounderBits - 127)) << 23);
}
ANNEAL_INLINE D exp2_softmax(D x) {
  for (int i = 0; i < kLanes<double>; ++i)
    x[i] = ::exp2(x[i]);
  return x;
}

ANNEAL_INLINE F exp(F x) {
  x = smaller(splat(88.7228394f), larger(splat(-88.0296919f), x));
  const F shifted = fma(x, splat(1.44269504f), splat(kRounder));
  const F n = shifted - kRounder;
  const F r =
      fma(n, splat(2.12194440e-4f), x - n * 0.693359375f); // n ln 2 in two parts, the first exact
  F p = splat(1.38436534e-3f);
  p = fma(p, r, splat(8.37415534e-3f));
  p = fma(p, r, splat(4.16680020e-2f));
  p = fma(p, r, splat(1.66664313e-1f));
  p = fma(p, r, splat(4.99999942e-1f));
  p = fma(p * r, r, r);
  return times_power_of_two(p + 1.0f, bits_of<I>(shifted) - kRounderBits);
}
ANNEAL_INLINE D exp(D x) {
  for (int i = 0; i < kLanes<double>; ++i)
    x[i] = ::exp(x[i]);
  return x;
}

ANNEAL_INLINE F sigmoid(F x) {
  return 1.0f / (1.0f + exp(-x));
}
ANNEAL_INLINE D sigmoid(D x) {
  return 1.0 / (1.0 + exp(-x));
}

// Odd polynomial below 5/8, where 1 - 2/(e^2x + 1) would cancel.
ANNEAL_INLINE F tanh(F x) {
  const F a = bits_of<F>(bits_of<U>(x) & 0x7fffffff);
  const F z = x * x;
  F p = splat(-5.70498872745e-3f);
  p = fma(p, z, splat(2.06390887954e-2f));
  p = fma(p, z, splat(-5.37397155531e-2f));
  p = fma(p, z, splat(1.33314422036e-1f));
  p = fma(p, z, splat(-3.33332819422e-1f));
  const F small = fma(p * z, x, x);
  const F large = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  const F signed_large = bits_of<F>(bits_of<U>(large) | (bits_of<U>(x) & 0x80000000));
  return a < 0.625f ? small : signed_large;
}
ANNEAL_INLINE D tanh(D x) {
  for (int i = 0; i < kLanes<double>; ++i)
    x[i] = ::tanh(x[i]);
  return x;
}

// Standard normal distribution function. float: the Chebyshev fit of erfc with a relative error of
// 1.2e-7 (Press et al., Numerical Recipes, 6.2).
ANNEAL_INLINE F normal_cdf(F x) {
  const F z = bits_of<F>(bits_of<U>(x) & 0x7fffffff) * 0.70710678f;
  const F t = 1.0f / (1.0f + 0.5f * z);
  F p = splat(0.17087277f);
  p = fma(p, t, splat(-0.82215223f));
  p = fma(p, t, splat(1.48851587f));
  p = fma(p, t, splat(-1.13520398f));
  p = fma(p, t, splat(0.27886807f));
  p = fma(p, t, splat(-0.18628806f));
  p = fma(p, t, splat(0.09678418f));
  p = fma(p, t, splat(0.37409196f));
  p = fma(p, t, splat(1.00002368f));
  p = fma(p, t, splat(-1.26551223f));
  const F tail = 0.5f * t * exp(p - z * z);
  return x < 0.0f ? tail : 1.0f - tail;
}
ANNEAL_INLINE D normal_cdf(D x) {
  for (int i = 0; i < kLanes<double>; ++i)
    x[i] = 0.5 * ::erfc(x[i] * -0.70710678118654752440);
  return x;
}

} // namespace anneal::simd::ANNEAL_ISA
