// Vectors of the widest registers that the including file is compiled for, in GCC and Clang's
// vector extension: one source gives AVX-512, AVX2, SSE2 and NEON code.
//
// Everything lives in a namespace named after the instruction set, for the reason given in isa.h:
// files that include this header include no torch header and no inline function of the standard
// library.
//
// Policy: `load` widens bfloat16, `store` rounds to nearest even and keeps NaN.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(ANNEAL_ISA)
#elif defined(__AVX512F__)
#define ANNEAL_ISA avx512
#elif defined(__AVX2__)
#define ANNEAL_ISA avx2
#else
#define ANNEAL_ISA portable
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ANNEAL_INLINE inline __attribute__((always_inline))

namespace anneal::simd::ANNEAL_ISA {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
constexpr int kRegisters = 16;
#else
constexpr int kBytes = 16;
constexpr int kRegisters = 16;
#endif

template <class S> constexpr int kLanes = kBytes / static_cast<int>(sizeof(S));

struct Bf16 {
  uint16_t bits;
};

// Type in memory → type of arithmetic.
template <class T> struct Arithmetic {
  using Type = T;
};
template <> struct Arithmetic<Bf16> {
  using Type = float;
};

template <class S> struct VectorOf {
  typedef S Type __attribute__((vector_size(kBytes)));
};
template <class S> using Vec = typename VectorOf<S>::Type;
using F = Vec<float>;
using D = Vec<double>;
using I = Vec<int32_t>;
using U = Vec<uint32_t>;
typedef uint16_t Half __attribute__((vector_size(kBytes / 2)));

template <class S> ANNEAL_INLINE Vec<S> splat(S x) {
  return x - Vec<S>{}; // x - 0 keeps -0 and NaN, so this is a plain broadcast
}

template <class To, class From> ANNEAL_INLINE To bits_of(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  memcpy(&y, &x, sizeof(y));
  return y;
}

// a * b + c in one rounding where the processor can. Written out because the kernels are compiled
// without contraction.
#if defined(__AVX512F__)
ANNEAL_INLINE F fma(F a, F b, F c) {
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
ANNEAL_INLINE D fma(D a, D b, D c) {
  return (D)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
#elif defined(__FMA__)
ANNEAL_INLINE F fma(F a, F b, F c) {
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
ANNEAL_INLINE D fma(D a, D b, D c) {
  return (D)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#elif defined(__aarch64__)
ANNEAL_INLINE F fma(F a, F b, F c) {
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
ANNEAL_INLINE D fma(D a, D b, D c) {
  return (D)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
ANNEAL_INLINE F fma(F a, F b, F c) {
  return a * b + c;
}
ANNEAL_INLINE D fma(D a, D b, D c) {
  return a * b + c;
}
#endif

ANNEAL_INLINE float widen(Bf16 x) {
  return bits_of<float>(static_cast<uint32_t>(x.bits) << 16);
}
ANNEAL_INLINE float widen(float x) {
  return x;
}
ANNEAL_INLINE double widen(double x) {
  return x;
}

ANNEAL_INLINE F load(const Bf16* p) {
  Half h;
  memcpy(&h, p, sizeof(h));
#if defined(__AVX512F__)
  return bits_of<F>(bits_of<U>(_mm512_cvtepu16_epi32(bits_of<__m256i>(h))) << 16);
#elif defined(__AVX2__)
  return bits_of<F>(bits_of<U>(_mm256_cvtepu16_epi32(bits_of<__m128i>(h))) << 16);
#else
  return bits_of<F>(__builtin_convertvector(h, U) << 16);
#endif
}
ANNEAL_INLINE F load(const float* p) {
  F x;
  memcpy(&x, p, sizeof(x));
  return x;
}
ANNEAL_INLINE D load(const double* p) {
  D x;
  memcpy(&x, p, sizeof(x));
  return x;
}

// The upper half of each is what is nearest in bfloat16, of two the even one; a NaN may become
// another number.
ANNEAL_INLINE U rounded_up(F x) {
  const U u = bits_of<U>(x);
#if defined(__AVX512F__)
  const __m512i near = bits_of<__m512i>(u + 0x7fff);
  const __mmask16 odd = _mm512_test_epi32_mask(bits_of<__m512i>(u), _mm512_set1_epi32(0x10000));
  return bits_of<U>(_mm512_mask_add_epi32(near, odd, near, _mm512_set1_epi32(1)));
#else
  return u + 0x7fff + ((u >> 16) & 1);
#endif
}
// Round to nearest even; a NaN stays a (quiet) NaN.
ANNEAL_INLINE Half narrow(F x) {
  const U u = bits_of<U>(x);
  return __builtin_convertvector((x == x ? rounded_up(x) : u | 0x400000) >> 16, Half);
}
// x as it would be read back from memory of type T.
template <class T, class V> ANNEAL_INLINE V rounded(V x) {
  if constexpr (sizeof(T) == sizeof(Bf16)) {
    const U u = bits_of<U>(x);
    return bits_of<F>(x == x ? rounded_up(x) & 0xffff0000 : u);
  } else {
    return x;
  }
}
ANNEAL_INLINE void store(Bf16* p, F x) {
  const Half h = narrow(x);
  memcpy(p, &h, sizeof(h));
}
ANNEAL_INLINE void store(float* p, F x) {
  memcpy(p, &x, sizeof(x));
}
ANNEAL_INLINE void store(double* p, D x) {
  memcpy(p, &x, sizeof(x));
}
// Past the caches, to where a vector is aligned: the lines that it fills are not read first. Where
// others read them, `streamed` comes before.
ANNEAL_INLINE void stream(void* p, U x) {
#if defined(__AVX512F__)
  _mm512_stream_si512(static_cast<__m512i*>(p), bits_of<__m512i>(x));
#elif defined(__AVX2__)
  _mm256_stream_si256(static_cast<__m256i*>(p), bits_of<__m256i>(x));
#else
  memcpy(p, &x, sizeof(x));
#endif
}
ANNEAL_INLINE void streamed() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

// The first n lanes; the others read as zero and are not written.
template <class T> ANNEAL_INLINE auto load_part(const T* p, int n) {
  using S = typename Arithmetic<T>::Type;
  T lanes[kLanes<S>] = {};
  memcpy(lanes, p, n * sizeof(T));
  return load(lanes);
}
template <class T, class V> ANNEAL_INLINE void store_part(T* p, V x, int n) {
  T lanes[sizeof(V) / sizeof(x[0])];
  store(lanes, x);
  memcpy(p, lanes, n * sizeof(T));
}

// Rows become columns: kLanes vectors of kLanes values. Interleaving the first half with the second
// log2(kLanes) times is a transposition.
template <class S> struct Interleaved;
template <> struct Interleaved<float> {
#if defined(__AVX512F__)
  static constexpr int kSteps = 4;
  static ANNEAL_INLINE F low(F a, F b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  static ANNEAL_INLINE F high(F a, F b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
  }
#elif defined(__AVX2__)
  static constexpr int kSteps = 3;
  static ANNEAL_INLINE F low(F a, F b) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }
  static ANNEAL_INLINE F high(F a, F b) {
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }
#else
  static constexpr int kSteps = 2;
  static ANNEAL_INLINE F low(F a, F b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
  static ANNEAL_INLINE F high(F a, F b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif
};
template <> struct Interleaved<double> {
#if defined(__AVX512F__)
  static constexpr int kSteps = 3;
  static ANNEAL_INLINE D low(D a, D b) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }
  static ANNEAL_INLINE D high(D a, D b) {
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }
#elif defined(__AVX2__)
  static constexpr int kSteps = 2;
  static ANNEAL_INLINE D low(D a, D b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
  static ANNEAL_INLINE D high(D a, D b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#else
  static constexpr int kSteps = 1;
  static ANNEAL_INLINE D low(D a, D b) { return __builtin_shufflevector(a, b, 0, 2); }
  static ANNEAL_INLINE D high(D a, D b) { return __builtin_shufflevector(a, b, 1, 3); }
#endif
};
template <class S> ANNEAL_INLINE void transpose(Vec<S> (&x)[kLanes<S>]) {
  constexpr int half = kLanes<S> / 2;
#pragma GCC unroll 4
  for (int step = 0; step < Interleaved<S>::kSteps; ++step) {
    Vec<S> y[kLanes<S>];
#pragma GCC unroll 16
    for (int i = 0; i < half; ++i) {
      y[2 * i] = Interleaved<S>::low(x[i], x[i + half]);
      y[2 * i + 1] = Interleaved<S>::high(x[i], x[i + half]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<S>; ++i)
      x[i] = y[i];
  }
}

// The larger or smaller value; the second argument where either is NaN. The plain expression would
// cost a compare and a blend: only the intrinsic is known to mean the same as one instruction.
template <class V> ANNEAL_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}
template <class V> ANNEAL_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}
#if defined(__AVX512F__)
template <> ANNEAL_INLINE F larger(F a, F b) {
  return (F)_mm512_max_ps((__m512)a, (__m512)b);
}
template <> ANNEAL_INLINE F smaller(F a, F b) {
  return (F)_mm512_min_ps((__m512)a, (__m512)b);
}
#elif defined(__AVX2__)
template <> ANNEAL_INLINE F larger(F a, F b) {
  return (F)_mm256_max_ps((__m256)a, (__m256)b);
}
template <> ANNEAL_INLINE F smaller(F a, F b) {
  return (F)_mm256_min_ps((__m256)a, (__m256)b);
}
#endif

// Sum of the lanes, always in the same order: halves are added until one lane is left.
template <class V> ANNEAL_INLINE auto sum(V x) {
  constexpr int n = sizeof(V) / sizeof(x[0]);
  decltype(+x[0]) lanes[n];
  memcpy(lanes, &x, sizeof(x));
  for (int half = n / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      lanes[i] += lanes[i + half];
  return lanes[0];
}

} // namespace anneal::simd::ANNEAL_ISA
