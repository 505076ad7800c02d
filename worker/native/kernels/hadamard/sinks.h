// Where rotated values go (Sink of hadamard.h): into memory, into codes of 8 bits, or into the
// largest magnitude.
#pragma once

#include "../float8.h"
#include "hadamard.h"
#include "walsh.h"

namespace anneal::hadamard::ANNEAL_ISA {

typedef uint8_t Bytes __attribute__((vector_size(kBytes / 4)));

ANNEAL_INLINE void store_low_bytes(void* to, U x) {
  const Bytes bytes = __builtin_convertvector(x & 0xff, Bytes);
  memcpy(to, &bytes, sizeof(bytes));
}

// What takes rotated values: vectors of a row, or one value.
template <class S> struct State {
  void* out;
  S factor;
  float inverse;
  Vec<int32_t> largest;
  uint32_t largest_one;
};

// A sink takes values at place i of `out`, where each has kSize bytes: a vector of them, one, or a
// place of halves.
template <class T> struct Store {
  static constexpr int kSize = sizeof(T);
  template <class S> static ANNEAL_INLINE void take(State<S>& s, int64_t i, Vec<S> x) {
    store(static_cast<T*>(s.out) + i, x * s.factor);
  }
  template <class S> static ANNEAL_INLINE void one(State<S>& s, int64_t i, S x) {
    store_part(static_cast<T*>(s.out) + i, splat(x * s.factor), 1);
  }
  // What was bfloat16 and was multiplied is, as NaN, quiet and zero below: it stays NaN without
  // being asked.
  static ANNEAL_INLINE U words(const State<float>& s, Two<float> x) {
    return rounded_up(x.a * s.factor) >> 16 | (rounded_up(x.b * s.factor) & 0xffff0000);
  }
  static ANNEAL_INLINE void halves(State<float>& s, int64_t i, Two<float> x) {
    T* to = static_cast<T*>(s.out) + i;
    if constexpr (kHalves<T>) {
      const U both = words(s, x);
      memcpy(to, &both, sizeof(both));
    } else {
      x = {x.a * s.factor, x.b * s.factor};
      store(to, Interleaved<float>::low(x.a, x.b));
      store(to + kLanes<float>, Interleaved<float>::high(x.a, x.b));
    }
  }
};
struct Streamed : Store<Bf16> {
  static ANNEAL_INLINE void halves(State<float>& s, int64_t i, Two<float> x) { stream(static_cast<Bf16*>(s.out) + i, words(s, x)); }
};
// The factor is positive: the largest of products is the product of the largest.
struct Largest {
  static constexpr int kSize = 0;
  static ANNEAL_INLINE void take(State<float>& s, int64_t, F x) {
    const I bits = bits_of<I>(x) & 0x7fffffff;
    s.largest = bits > s.largest ? bits : s.largest;
  }
  static ANNEAL_INLINE void one(State<float>& s, int64_t, float x) {
    const uint32_t bits = float_to_bits(x) & 0x7fffffffu;
    s.largest_one = bits > s.largest_one ? bits : s.largest_one;
  }
  static ANNEAL_INLINE void halves(State<float>& s, int64_t i, Two<float> x) {
    take(s, i, x.a);
    take(s, i, x.b);
  }
};
template <class Code> struct Codes {
  static constexpr int kSize = 1;
  static ANNEAL_INLINE uint8_t* at(State<float>& s, int64_t i) { return static_cast<uint8_t*>(s.out) + i; }
  static ANNEAL_INLINE U of(const State<float>& s, F x) { return Code::of(x * s.factor * s.inverse); }
  static ANNEAL_INLINE void take(State<float>& s, int64_t i, F x) { store_low_bytes(at(s, i), of(s, x)); }
  static ANNEAL_INLINE void one(State<float>& s, int64_t i, float x) { *at(s, i) = Code::of_one(x * s.factor * s.inverse); }
  static ANNEAL_INLINE void halves(State<float>& s, int64_t i, Two<float> x) {
    const Half pairs = __builtin_convertvector((of(s, x.a) & 0xff) | (of(s, x.b) & 0xff) << 8, Half);
    memcpy(at(s, i), &pairs, sizeof(pairs));
  }
};
// The low byte of each is the code.
struct Int8 {
  // 1.5 * 2^23: the last bit is worth 1, so the low byte of a sum is the whole number.
  static constexpr float kShift = 12582912.0f;
  static ANNEAL_INLINE U of(F x) { return bits_of<U>(x + kShift); }
  static ANNEAL_INLINE uint8_t of_one(float x) { return static_cast<uint8_t>(float_to_bits(x + kShift)); }
};
struct E4M3 {
  // to_float8 of float8.h, lane by lane.
  static ANNEAL_INLINE U of(F value) {
    const U sign = bits_of<U>(value) >> 24 & 0x80;
    const F magnitude = smaller(bits_of<F>(bits_of<U>(value) & 0x7fffffff), splat(kLargestFloat8));
    const U bits = bits_of<U>(magnitude);
    const U small = bits_of<U>(magnitude + 16384.0f) - float_to_bits(16384.0f);
    const U large = ((bits + 0x7ffff + (bits >> 20 & 1)) >> 20) - (120 << 3);
    return sign | (magnitude < 0.015625f ? small : large);
  }
  static ANNEAL_INLINE uint8_t of_one(float x) { return to_float8(x); }
};
using Code8 = Codes<Int8>;
using Float8 = Codes<E4M3>;

template <class To, bool kInHalves, class S> ANNEAL_INLINE void take_two(State<S>& s, int64_t i, Two<S> x) {
  if constexpr (kInHalves) return To::halves(s, i, x);
  To::take(s, i, x.a);
  To::take(s, i + kLanes<S>, x.b);
}

template <class S> ANNEAL_INLINE State<S> state_of(const Job& job) {
  State<S> state;
  state.out = nullptr;
  state.factor = static_cast<S>(job.factor);
  state.inverse = job.inverse;
  state.largest = Vec<int32_t>{};
  state.largest_one = 0;
  return state;
}
template <class S> uint32_t largest_of(const State<S>& s) {
  uint32_t most = s.largest_one;
  for (int i = 0; i < kLanes<int32_t>; ++i)
    most = static_cast<uint32_t>(s.largest[i]) > most ? static_cast<uint32_t>(s.largest[i]) : most;
  return float_to_bits(bits_to_float(most) * static_cast<float>(s.factor)) & 0x7fffffffu;
}

} // namespace anneal::hadamard::ANNEAL_ISA
