// Walsh-Hadamard transforms: stages within registers, and passes over memory. A pass reads whatever
// has `get` and writes whatever has `put`.
#pragma once

#include "../simd/simd.h"

namespace anneal::hadamard::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

template <int... I> struct Lanes {};
template <int N, int... I> struct LanesTo : LanesTo<N - 1, N - 1, I...> {};
template <int... I> struct LanesTo<0, I...> {
  using Type = Lanes<I...>;
};

// Pairs of lanes that are `Stride` apart: sum in the first, difference in the second.
template <int Stride, class V, int... I> ANNEAL_INLINE V within(V x, Lanes<I...>) {
  const V sign = {(I & Stride ? -1 : 1)...};
  return fma(x, sign, __builtin_shufflevector(x, x, (I ^ Stride)...));
}
template <class V, int Stride = sizeof(V) / sizeof(V{}[0]) / 2> ANNEAL_INLINE V walsh_lanes(V x) {
  constexpr int n = sizeof(V) / sizeof(x[0]);
  x = within<Stride>(x, typename LanesTo<n>::Type{});
  if constexpr (Stride > 1) x = walsh_lanes<V, Stride / 2>(x);
  return x;
}

// What stages work on: two vectors of one place. Of bfloat16 they are the even and the odd values
// of so many neighbours, which are the halves of words as they lie, so that reading and writing
// move no value to another lane; of other types the first vector and the second.
template <class S> struct Two {
  Vec<S> a, b;
};
template <class T> constexpr bool kHalves = sizeof(T) == sizeof(Bf16);
template <class S> constexpr int64_t kPlace = 2 * kLanes<S>;
template <class S> ANNEAL_INLINE Two<S> load_two(const S* p) { return {load(p), load(p + kLanes<S>)}; }
ANNEAL_INLINE Two<float> load_two(const Bf16* p) {
  U words;
  memcpy(&words, p, sizeof(words));
  return {bits_of<F>(words << 16), bits_of<F>(words & 0xffff0000)};
}
// Asks for a place: a pass takes them far from each other, which the prefetcher does not predict.
// What is about to be written is asked for as well: without it a store waits for the line that it
// falls into.
template <int kWrites, int64_t kSize> ANNEAL_INLINE void expect(const void* at) {
#pragma GCC unroll 4
  for (int64_t i = 0; i < kSize; i += 64) __builtin_prefetch(static_cast<const char*>(at) + i, kWrites);
}

template <class S> ANNEAL_INLINE Two<S> sum_and_difference(Two<S> x) { return {x.a + x.b, x.a - x.b}; }
// Stages within a place, the widest first.
enum class Inside { kNone, kNeighbours, kHalves };
template <Inside kInside, class S> ANNEAL_INLINE Two<S> stages_inside(Two<S> x) {
  if constexpr (kInside == Inside::kNone) return x;
  if constexpr (kInside == Inside::kNeighbours) x = sum_and_difference(x);
  x = {walsh_lanes(x.a), walsh_lanes(x.b)};
  return kInside == Inside::kHalves ? sum_and_difference(x) : x;
}

// Between passes: places that lie `pitch` values apart, each of `wide` side by side.
template <class S> struct Buffer {
  S* x;
  int64_t pitch;
  ANNEAL_INLINE Two<S> get(int64_t i, int64_t w) const { return load_two(x + i * pitch + w * kPlace<S>); }
  ANNEAL_INLINE void put(int64_t i, int64_t w, Two<S> v) const {
    store(x + i * pitch + w * kPlace<S>, v.a);
    store(x + i * pitch + w * kPlace<S> + kLanes<S>, v.b);
  }
};

// So many places of a pass are in registers.
constexpr int kRadix = kRegisters / 4;

// `Radix` places that are `step` apart become their transform, from the widest pairs to the
// narrowest.
template <int Radix, Inside kInside, class S, class From, class To>
ANNEAL_INLINE void transform(From& from, To& to, int64_t first, int64_t step, int64_t w) {
  Two<S> v[Radix];
#pragma GCC unroll 8
  for (int r = 0; r < Radix; ++r) v[r] = from.get(first + r * step, w);
#pragma GCC unroll 3
  for (int half = Radix / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < Radix; ++i)
      if (!(i & half)) {
        const Two<S> x = v[i], y = v[i + half];
        v[i] = {x.a + y.a, x.b + y.b};
        v[i + half] = {x.a - y.a, x.b - y.b};
      }
#pragma GCC unroll 8
  for (int r = 0; r < Radix; ++r) to.put(first + r * step, w, stages_inside<kInside>(v[r]));
}
template <int Radix, Inside kInside, class S, class From, class To>
ANNEAL_INLINE void narrowest(From& from, To& to, int64_t first, int64_t count, int64_t wide) {
  for (int64_t i = first; i < first + count; i += Radix)
    for (int64_t w = 0; w < wide; ++w) transform<Radix, kInside, S>(from, to, i, 1, w);
}
// What is left to do of places [first, first + count) when stages of `span` places and wider are
// done.
template <Inside kInside, class S, class From, class To>
ANNEAL_INLINE void narrowest(From& from, To& to, int64_t first, int64_t count, int64_t wide, int64_t span) {
  if (span == 8) return narrowest<8, kInside, S>(from, to, first, count, wide);
  if (span == 4) return narrowest<4, kInside, S>(from, to, first, count, wide);
  if (span == 2) return narrowest<2, kInside, S>(from, to, first, count, wide);
  narrowest<1, kInside, S>(from, to, first, count, wide);
}
// One pass over places [first, first + count): their widest stages.
template <class S, class From> ANNEAL_INLINE void widest(From& from, Buffer<S> x, int64_t first, int64_t count, int64_t wide) {
  const int64_t step = count / kRadix;
  for (int64_t i = first; i < first + step; ++i)
    for (int64_t w = 0; w < wide; ++w) transform<kRadix, Inside::kNone, S>(from, x, i, step, w);
}
// All stages but those that one pass can end.
template <class S> void wide_stages(Buffer<S> x, int64_t first, int64_t count, int64_t wide) {
  if (count <= kRadix) return;
  widest(x, x, first, count, wide);
  const int64_t part = count / kRadix;
  for (int64_t i = first; part > kRadix && i < first + count; i += part) wide_stages(x, i, part, wide);
}
// A Walsh-Hadamard transform over `count` places: the first pass reads `from`, the last writes
// `to`, and what lies between them is in `x`. A part of a long one is done before the next begins,
// so that it stays in the first cache.
template <Inside kInside, class S, class From, class To>
ANNEAL_INLINE void walsh(From& from, Buffer<S> x, To& to, int64_t count, int64_t wide) {
  int64_t part = count, span = count;
  if (count > kRadix) {
    widest(from, x, 0, count, wide);
    if (count > kRadix * kRadix) part /= kRadix;
    while (span > kRadix) span /= kRadix;
  } else {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t w = 0; w < wide; ++w) x.put(i, w, from.get(i, w));
  }
  for (int64_t first = 0; first < count; first += part) {
    if (part < count) wide_stages(x, first, part, wide);
    narrowest<kInside, S>(x, to, first, part, wide, span);
  }
}

// Value by value, where a part of a row has no whole vectors.
template <class S> void walsh_values(S* x, int64_t size) {
  for (int64_t half = size / 2; half > 0; half /= 2)
    for (int64_t group = 0; group < size; group += 2 * half)
      for (int64_t i = group; i < group + half; ++i) {
        const S a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
}

} // namespace anneal::hadamard::ANNEAL_ISA
