// The loops of hadamard.h, compiled once an instruction set.
#include "../float8.h"
#include "../rows/rows.h"
#include "../simd/simd.h"
#include "hadamard.h"

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
  const V other = __builtin_shufflevector(x, x, (I ^ Stride)...);
  return other + x * sign;
}
template <class V, int Stride> ANNEAL_INLINE V walsh_lanes(V x) {
  constexpr int n = sizeof(V) / sizeof(x[0]);
  x = within<Stride>(x, typename LanesTo<n>::Type{});
  if constexpr (Stride > 1) x = walsh_lanes<V, Stride / 2>(x);
  return x;
}

// `Radix` vectors, from the widest pairs to the narrowest.
template <int Radix, class V> ANNEAL_INLINE void butterflies(V (&x)[Radix]) {
#pragma GCC unroll 3
  for (int half = Radix / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < Radix; ++i)
      if (!(i & half)) {
        const V a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
}
template <int Radix, class S>
ANNEAL_INLINE void stages(S* x, int64_t count, int64_t pitch, int64_t step) {
  for (int64_t group = 0; group < count; group += Radix * step)
    for (int64_t i = group; i < group + step; ++i) {
      Vec<S> v[Radix];
#pragma GCC unroll 8
      for (int r = 0; r < Radix; ++r) v[r] = load(x + (i + r * step) * pitch);
      butterflies<Radix>(v);
#pragma GCC unroll 8
      for (int r = 0; r < Radix; ++r) store(x + (i + r * step) * pitch, v[r]);
    }
}
// A Walsh-Hadamard transform over `count` vectors that are `pitch` values apart.
template <class S> ANNEAL_INLINE void walsh(S* x, int64_t count, int64_t pitch) {
  int64_t width = count;
  for (; width >= 8; width /= 8) stages<8>(x, count, pitch, width / 8);
  if (width == 4) stages<4>(x, count, pitch, 1);
  if (width == 2) stages<2>(x, count, pitch, 1);
}

// In steps of a vector where a part has whole ones, else value by value.
template <class S> void walsh_part(S* x, int64_t size) {
  if (size % kLanes<S> == 0) {
    walsh(x, size / kLanes<S>, static_cast<int64_t>(kLanes<S>));
    for (int64_t i = 0; i < size; i += kLanes<S>)
      store(x + i, walsh_lanes<Vec<S>, kLanes<S> / 2>(load(x + i)));
    return;
  }
  for (int64_t half = size / 2; half > 0; half /= 2)
    for (int64_t group = 0; group < size; group += 2 * half)
      for (int64_t i = group; i < group + half; ++i) {
        const S a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
}

// Parts become sums of parts: y_k = sum over i of mixing[k][i] x_i. `kept` has a vector a part.
template <class S, int Outputs>
ANNEAL_INLINE void mix_some(S* x, const S* kept, const S* mixing, int64_t parts, int64_t size) {
  Vec<S> sum[Outputs] = {};
  for (int64_t i = 0; i < parts; ++i) {
    const Vec<S> v = load(kept + i * kLanes<S>);
#pragma GCC unroll 8
    for (int k = 0; k < Outputs; ++k) sum[k] = fma(splat(mixing[k * parts + i]), v, sum[k]);
  }
#pragma GCC unroll 8
  for (int k = 0; k < Outputs; ++k) store(x + k * size, sum[k]);
}
template <class S> void mix(S* x, S* kept, const S* mixing, int64_t parts, int64_t size) {
  if (size % kLanes<S> != 0) {
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t i = 0; i < parts; ++i) kept[i] = x[i * size + j];
      for (int64_t k = 0; k < parts; ++k) {
        S sum = 0;
        for (int64_t i = 0; i < parts; ++i) sum += mixing[k * parts + i] * kept[i];
        x[k * size + j] = sum;
      }
    }
    return;
  }
  for (int64_t j = 0; j < size; j += kLanes<S>) {
    for (int64_t i = 0; i < parts; ++i) store(kept + i * kLanes<S>, load(x + i * size + j));
    int64_t k = 0;
    for (; k + 4 <= parts; k += 4)
      mix_some<S, 4>(x + k * size + j, kept, mixing + k * parts, parts, size);
    if (k + 2 <= parts) {
      mix_some<S, 2>(x + k * size + j, kept, mixing + k * parts, parts, size);
      k += 2;
    }
    if (k < parts) mix_some<S, 1>(x + k * size + j, kept, mixing + k * parts, parts, size);
  }
}

typedef uint8_t Bytes __attribute__((vector_size(kBytes / 4)));

ANNEAL_INLINE void store_low_bytes(void* to, U x) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm512_cvtepi32_epi8(bits_of<__m512i>(x));
#else
  const Bytes bytes = __builtin_convertvector(x & 0xff, Bytes);
#endif
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

template <class T> struct Store {
  template <class S> static ANNEAL_INLINE void take(State<S>& s, int64_t i, Vec<S> x) {
    store(static_cast<T*>(s.out) + i, x * s.factor);
  }
  template <class S> static ANNEAL_INLINE void one(State<S>& s, int64_t i, S x) {
    store_part(static_cast<T*>(s.out) + i, splat(x * s.factor), 1);
  }
};
struct Largest {
  static ANNEAL_INLINE void take(State<float>& s, int64_t, F x) {
    const I bits = bits_of<I>(x * s.factor) & 0x7fffffff;
    s.largest = bits > s.largest ? bits : s.largest;
  }
  static ANNEAL_INLINE void one(State<float>& s, int64_t, float x) {
    const uint32_t bits = float_to_bits(x * s.factor) & 0x7fffffffu;
    s.largest_one = bits > s.largest_one ? bits : s.largest_one;
  }
};
struct Code8 {
  // 1.5 * 2^23: the last bit is worth 1, so the low byte of a sum is the whole number.
  static constexpr float kShift = 12582912.0f;
  static ANNEAL_INLINE void take(State<float>& s, int64_t i, F x) {
    store_low_bytes(static_cast<uint8_t*>(s.out) + i,
                    bits_of<U>(x * s.factor * s.inverse + kShift));
  }
  static ANNEAL_INLINE void one(State<float>& s, int64_t i, float x) {
    static_cast<uint8_t*>(s.out)[i] =
        static_cast<uint8_t>(float_to_bits(x * s.factor * s.inverse + kShift));
  }
};
struct Float8 {
  // to_float8 of float8.h, lane by lane.
  static ANNEAL_INLINE void take(State<float>& s, int64_t i, F x) {
    const F value = x * s.factor * s.inverse;
    const U sign = bits_of<U>(value) >> 24 & 0x80;
    const F magnitude = smaller(bits_of<F>(bits_of<U>(value) & 0x7fffffff), splat(kLargestFloat8));
    const U bits = bits_of<U>(magnitude);
    const U small = bits_of<U>(magnitude + 16384.0f) - float_to_bits(16384.0f);
    const U large = ((bits + 0x7ffff + (bits >> 20 & 1)) >> 20) - (120 << 3);
    store_low_bytes(static_cast<uint8_t*>(s.out) + i, sign | (magnitude < 0.015625f ? small : large));
  }
  static ANNEAL_INLINE void one(State<float>& s, int64_t i, float x) {
    static_cast<uint8_t*>(s.out)[i] = to_float8(x * s.factor * s.inverse);
  }
};

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
  return most;
}

template <class T, class To, int kOutBytes>
uint32_t rows(const Job& job, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  S* x = static_cast<S*>(buffer);
  S* kept = x + (job.columns + kLanes<S>) / kLanes<S> * kLanes<S>;
  State<S> state = state_of<S>(job);
  const int64_t n = job.columns, whole = n / kLanes<S> * kLanes<S>;
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    for (int64_t i = 0; i < whole; i += kLanes<S>) store(x + i, load(from + i));
    for (int64_t i = whole; i < n; ++i) x[i] = widen(from[i]);
    if (job.inner > 1)
      for (int64_t part = 0; part < job.outer; ++part) walsh_part(x + part * job.inner, job.inner);
    if (job.mixing) mix(x, kept, static_cast<const S*>(job.mixing), job.outer, job.inner);
    state.out = static_cast<char*>(job.out) + r * job.out_ld * kOutBytes;
    for (int64_t i = 0; i < whole; i += kLanes<S>) To::take(state, i, load(x + i));
    for (int64_t i = whole; i < n; ++i) To::one(state, i, x[i]);
  }
  return largest_of(state);
}

template <class T, class To, int kOutBytes>
uint32_t tokens(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  constexpr int64_t kStrip = kStripBytes / static_cast<int64_t>(sizeof(S));
  constexpr int64_t kPitch = kPitchBytes / static_cast<int64_t>(sizeof(S));
  S* x = static_cast<S*>(buffer);
  State<S> state = state_of<S>(job);
  const int64_t first = number * job.block;
  for (int64_t column = begin; column < end; column += kStrip) {
    const int64_t width = end - column < kStrip ? end - column : kStrip;
    const int64_t whole = width / kLanes<S> * kLanes<S>;
    for (int64_t r = 0; r < job.block; ++r) {
      S* to = x + r * kPitch;
      if (first + r >= job.in_rows) {
        for (int64_t i = 0; i < kStrip; i += kLanes<S>) store(to + i, Vec<S>{});
        continue;
      }
      const T* from = static_cast<const T*>(job.in) + (first + r) * job.in_ld + column;
      for (int64_t i = 0; i < whole; i += kLanes<S>) store(to + i, load(from + i));
      if (whole < width)
        store(to + whole, load_part(from + whole, static_cast<int>(width - whole)));
    }
    for (int64_t i = 0; i < width; i += kLanes<S>) walsh(x + i, job.block, kPitch);
    for (int64_t r = 0; r < job.block && first + r < job.out_rows; ++r) {
      state.out = static_cast<char*>(job.out) + ((first + r) * job.out_ld + column) * kOutBytes;
      const S* from = x + r * kPitch;
      for (int64_t i = 0; i < whole; i += kLanes<S>) To::take(state, i, load(from + i));
      for (int64_t i = whole; i < width; ++i) To::one(state, i, from[i]);
    }
  }
  return largest_of(state);
}

template <class T, class To, int kOutBytes> constexpr Loops of() {
  return {rows<T, To, kOutBytes>, tokens<T, To, kOutBytes>};
}
template <class T> const Loops& narrow_of(Sink sink) {
  static constexpr Loops all[kSinks] = {
      {},
      of<T, Store<float>, 4>(),
      of<T, Store<Bf16>, 2>(),
      of<T, Largest, 0>(),
      of<T, Code8, 1>(),
      of<T, Float8, 1>(),
  };
  return all[static_cast<int>(sink)];
}

// float64 stays float64.
const Loops& loops(rows::Element element, Sink sink) {
  static constexpr Loops wide = of<double, Store<double>, 8>();
  switch (element) {
  case rows::Element::kFloat64:
    return wide;
  case rows::Element::kFloat32:
    return narrow_of<float>(sink);
  default:
    return narrow_of<Bf16>(sink);
  }
}

} // namespace anneal::hadamard::ANNEAL_ISA
