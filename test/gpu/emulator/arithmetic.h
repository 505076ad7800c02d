// Functions of CUDA's mathematics that are not C++'s.
#pragma once

#include <cmath>
#include <cstdint>

// Rounded by themselves, and never contracted with what stands around them.
#define EMULATOR_ROUNDED(T, name, expression)                                                      \
  __attribute__((noinline, optimize("fp-contract=off"))) inline T name { return expression; }
EMULATOR_ROUNDED(float, __fadd_rn(float a, float b), a + b)
EMULATOR_ROUNDED(float, __fsub_rn(float a, float b), a - b)
EMULATOR_ROUNDED(float, __fmul_rn(float a, float b), a* b)
EMULATOR_ROUNDED(float, __fdiv_rn(float a, float b), a / b)
EMULATOR_ROUNDED(double, __dadd_rn(double a, double b), a + b)
EMULATOR_ROUNDED(double, __dsub_rn(double a, double b), a - b)
EMULATOR_ROUNDED(double, __dmul_rn(double a, double b), a* b)
EMULATOR_ROUNDED(double, __ddiv_rn(double a, double b), a / b)
inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float rsqrtf(float a) { return 1 / __builtin_sqrtf(a); }
inline double rsqrt(double a) { return 1 / __builtin_sqrt(a); }

// In CUDA these are overloaded for both widths without a namespace; C gives them to double alone.
using std::abs;
using std::ceil;
using std::cos;
using std::erf;
using std::erfc;
using std::exp;
using std::fabs;
using std::floor;
using std::fma;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::log;
using std::log1p;
using std::max;
using std::min;
using std::pow;
using std::rint;
using std::sin;
using std::sqrt;
using std::tanh;

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
template <class T> T __ldg(const T* place) { return *place; }
