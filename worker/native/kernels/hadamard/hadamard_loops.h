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
  return fma(x, sign, __builtin_shufflevector(x, x, (I ^ Stride)...));
}
template <class V, int Stride = sizeof(V) / sizeof(V{}[0]) / 2> ANNEAL_INLINE V walsh_lanes(V x) {
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

// Vectors that lie `pitch` values apart, `wide` of them side by side, as what a pass reads and writes. A pass takes both as local
// copies, so that what they gather stays in registers, and gives them back.
template <class S> struct Buffer {
  S* x;
  int64_t pitch;
  ANNEAL_INLINE Buffer local() const { return *this; }
  ANNEAL_INLINE void back(const Buffer&) const {}
  ANNEAL_INLINE Vec<S> get(int64_t i, int64_t w) const { return load(x + i * pitch + w * kLanes<S>); }
  ANNEAL_INLINE void put(int64_t i, int64_t w, Vec<S> v) const { store(x + i * pitch + w * kLanes<S>, v); }
};

// `Radix` vectors that are `step` places apart become their transform, for each of `step` such; `InLanes`: within vectors too.
template <int Radix, bool InLanes, class S, class From, class To>
ANNEAL_INLINE void pass(const From& from, const To& to, int64_t first, int64_t step, int64_t wide) {
  auto read = from.local();
  auto mine = to.local();
  for (int64_t i = first; i < first + step; ++i)
    for (int64_t w = 0; w < wide; ++w) {
      Vec<S> v[Radix];
#pragma GCC unroll 8
      for (int r = 0; r < Radix; ++r) v[r] = read.get(i + r * step, w);
      butterflies<Radix>(v);
#pragma GCC unroll 8
      for (int r = 0; r < Radix; ++r) {
        if constexpr (InLanes) v[r] = walsh_lanes(v[r]);
        mine.put(i + r * step, w, v[r]);
      }
    }
  from.back(read);
  to.back(mine);
}
template <bool InLanes, class S, class From, class To>
ANNEAL_INLINE void last_pass(const From& from, const To& to, int64_t first, int64_t count, int64_t wide) {
  switch (count) {
  case 8:
    return pass<8, InLanes, S>(from, to, first, 1, wide);
  case 4:
    return pass<4, InLanes, S>(from, to, first, 1, wide);
  case 2:
    return pass<2, InLanes, S>(from, to, first, 1, wide);
  default:
    return pass<1, InLanes, S>(from, to, first, 1, wide);
  }
}
template <bool InLanes, class S, class To>
void walsh_of(const Buffer<S>& x, const To& to, int64_t first, int64_t count, int64_t wide) {
  if (count <= 8) return last_pass<InLanes, S>(x, to, first, count, wide);
  pass<8, false, S>(x, x, first, count / 8, wide);
  for (int r = 0; r < 8; ++r) walsh_of<InLanes>(x, to, first + r * (count / 8), count / 8, wide);
}
// A Walsh-Hadamard transform over places [0, count): the first pass reads `from`, the last writes `to`, and what lies between them is in
// `x`. An eighth is done before the next begins, so that it stays in the first cache.
template <bool InLanes, class S, class From, class To>
ANNEAL_INLINE void long_walsh(const From& from, const Buffer<S>& x, const To& to, int64_t count, int64_t wide) {
  pass<8, false, S>(from, x, 0, count / 8, wide);
  for (int r = 0; r < 8; ++r) walsh_of<InLanes>(x, to, r * (count / 8), count / 8, wide);
}
template <bool InLanes, class S, class From, class To>
ANNEAL_INLINE void walsh(const From& from, const Buffer<S>& x, const To& to, int64_t count, int64_t wide) {
  if (count <= 8) return last_pass<InLanes, S>(from, to, 0, count, wide);
  long_walsh<InLanes>(from, x, to, count, wide);
}

// Value by value, where a part has no whole vectors.
template <class S> void walsh_values(S* x, int64_t size) {
  for (int64_t half = size / 2; half > 0; half /= 2)
    for (int64_t group = 0; group < size; group += 2 * half)
      for (int64_t i = group; i < group + half; ++i) {
        const S a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
}
template <class S> void mix_values(S* x, S* kept, const S* mixing, int64_t parts, int64_t size) {
  for (int64_t j = 0; j < size; ++j) {
    for (int64_t i = 0; i < parts; ++i) kept[i] = x[i * size + j];
    for (int64_t k = 0; k < parts; ++k) {
      S sum = 0;
      for (int64_t i = 0; i < parts; ++i) sum += mixing[k * parts + i] * kept[i];
      x[k * size + j] = sum;
    }
  }
}

// Parts become sums of parts: y_k = sum over i of mixing[k][i] x_i, for the vectors of them that begin at x.
template <class S, int Outputs, class To>
ANNEAL_INLINE void mix_some(const S* x, To& to, int64_t k, int64_t j, const S* mixing, int64_t parts, int64_t size) {
  Vec<S> sum[Outputs] = {};
  for (int64_t i = 0; i < parts; ++i) {
    const Vec<S> v = load(x + i * size + j);
#pragma GCC unroll 8
    for (int o = 0; o < Outputs; ++o) sum[o] = fma(splat(mixing[(k + o) * parts + i]), v, sum[o]);
  }
#pragma GCC unroll 8
  for (int o = 0; o < Outputs; ++o) to.put_at((k + o) * size + j, sum[o]);
}
template <class S, class To> ANNEAL_INLINE void mix(const S* x, const To& to, const S* mixing, int64_t parts, int64_t size) {
  auto mine = to.local();
  for (int64_t j = 0; j < size; j += kLanes<S>) {
    int64_t k = 0;
    for (; k + 4 <= parts; k += 4) mix_some<S, 4>(x, mine, k, j, mixing, parts, size);
    for (; k < parts; ++k) mix_some<S, 1>(x, mine, k, j, mixing, parts, size);
  }
  to.back(mine);
}

// The same of a Hartley matrix of a small odd order: sums and differences of parts i and Parts - i meet cosines and sines apart, which
// is half the work.
template <class S, int Parts> struct Hartley {
  static constexpr int kHalf = Parts / 2;
  S cosine[kHalf][kHalf], sine[kHalf][kHalf];

  explicit Hartley(const S* mixing) {
    for (int k = 1; k <= kHalf; ++k)
      for (int i = 1; i <= kHalf; ++i) {
        const S a = mixing[k * Parts + i], b = mixing[k * Parts + Parts - i];
        cosine[k - 1][i - 1] = (a + b) / 2;
        sine[k - 1][i - 1] = (a - b) / 2;
      }
  }
  template <class To> ANNEAL_INLINE void mix(const S* x, const To& to, int64_t size) const {
    auto mine = to.local();
    for (int64_t j = 0; j < size; j += kLanes<S>) {
      Vec<S> sum[kHalf], difference[kHalf];
      const Vec<S> x0 = load(x + j);
      Vec<S> all = x0;
#pragma GCC unroll 8
      for (int i = 0; i < kHalf; ++i) {
        const Vec<S> a = load(x + (i + 1) * size + j), b = load(x + (Parts - 1 - i) * size + j);
        sum[i] = a + b;
        difference[i] = a - b;
        all += sum[i];
      }
      mine.put_at(j, all);
#pragma GCC unroll 8
      for (int k = 0; k < kHalf; ++k) {
        Vec<S> even = fma(splat(cosine[k][0]), sum[0], x0), odd = splat(sine[k][0]) * difference[0];
#pragma GCC unroll 8
        for (int i = 1; i < kHalf; ++i) {
          even = fma(splat(cosine[k][i]), sum[i], even);
          odd = fma(splat(sine[k][i]), difference[i], odd);
        }
        mine.put_at((k + 1) * size + j, even + odd);
        mine.put_at((Parts - 1 - k) * size + j, even - odd);
      }
    }
    to.back(mine);
  }
};

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

// `expect` asks for the place of vector i, which is about to be written: without it a store waits for the line that it falls into.
ANNEAL_INLINE void expect_at(void* out, int64_t bytes) { __builtin_prefetch(static_cast<char*>(out) + bytes, 1); }

template <class T> struct Store {
  template <class S> static ANNEAL_INLINE void expect(const State<S>& s, int64_t i) {
    expect_at(s.out, i * static_cast<int64_t>(sizeof(T)));
  }
  template <class S> static ANNEAL_INLINE void take(State<S>& s, int64_t i, Vec<S> x) {
    store(static_cast<T*>(s.out) + i, x * s.factor);
  }
  template <class S> static ANNEAL_INLINE void one(State<S>& s, int64_t i, S x) {
    store_part(static_cast<T*>(s.out) + i, splat(x * s.factor), 1);
  }
};
// The factor is positive: the largest of products is the product of the largest.
struct Largest {
  static ANNEAL_INLINE void expect(const State<float>&, int64_t) {}
  static ANNEAL_INLINE void take(State<float>& s, int64_t, F x) {
    const I bits = bits_of<I>(x) & 0x7fffffff;
    s.largest = bits > s.largest ? bits : s.largest;
  }
  static ANNEAL_INLINE void one(State<float>& s, int64_t, float x) {
    const uint32_t bits = float_to_bits(x) & 0x7fffffffu;
    s.largest_one = bits > s.largest_one ? bits : s.largest_one;
  }
};
struct Code8 {
  static ANNEAL_INLINE void expect(const State<float>& s, int64_t i) { expect_at(s.out, i); }
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
  static ANNEAL_INLINE void expect(const State<float>& s, int64_t i) { expect_at(s.out, i); }
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
  return float_to_bits(bits_to_float(most) * static_cast<float>(s.factor)) & 0x7fffffffu;
}

// A row that is read, and where its rotated values go. A pass takes places far from each other, which the machine does not foresee: those of
// the next row are asked for meanwhile.
template <class T> struct Row {
  const T* x;
  int64_t ld;
  using S = typename Arithmetic<T>::Type;
  ANNEAL_INLINE Row local() const { return *this; }
  ANNEAL_INLINE void back(const Row&) const {}
  ANNEAL_INLINE Vec<S> get(int64_t i, int64_t) const {
    __builtin_prefetch(x + ld + i * kLanes<S>);
    return load(x + i * kLanes<S>);
  }
};
template <class S, class To> struct Taken {
  State<S>* state;
  int64_t from, ld;
  struct Local {
    State<S> state;
    int64_t from, ld;
    ANNEAL_INLINE void put(int64_t i, int64_t, Vec<S> v) { put_at(i * kLanes<S>, v); }
    ANNEAL_INLINE void put_at(int64_t i, Vec<S> v) {
      To::expect(state, from + i + ld);
      To::take(state, from + i, v);
    }
  };
  ANNEAL_INLINE Local local() const { return {*state, from, ld}; }
  ANNEAL_INLINE void back(const Local& mine) const { state->largest = mine.state.largest; }
};

// A row whose parts are of whole vectors.
template <class T, class To, class Mix>
ANNEAL_INLINE void rotate(const Job& job, const T* from, State<typename Arithmetic<T>::Type>& state,
                          typename Arithmetic<T>::Type* x, const Mix& mix_parts) {
  using S = typename Arithmetic<T>::Type;
  const int64_t size = job.inner, count = size / kLanes<S>;
  for (int64_t part = 0; part < job.outer; ++part) {
    const Row<T> row{from + part * size, job.in_ld};
    const Buffer<S> between{x + part * size, kLanes<S>};
    if constexpr (Mix::kMixes)
      walsh<true>(row, between, between, count, 1);
    else
      walsh<true>(row, between, Taken<S, To>{&state, part * size, job.out_ld}, count, 1);
  }
  if constexpr (Mix::kMixes) mix_parts(x, Taken<S, To>{&state, 0, job.out_ld});
}
struct Unmixed {
  static constexpr bool kMixes = false;
};
template <class S> struct Mixed {
  static constexpr bool kMixes = true;
  const S* mixing;
  int64_t parts, size;
  template <class To> ANNEAL_INLINE void operator()(const S* x, const To& to) const { mix(x, to, mixing, parts, size); }
};
template <class S, int Parts> struct MixedByHartley {
  static constexpr bool kMixes = true;
  Hartley<S, Parts> matrix;
  int64_t size;
  template <class To> ANNEAL_INLINE void operator()(const S* x, const To& to) const { matrix.mix(x, to, size); }
};

template <class T, class To, int kOutBytes, class Mix>
Most rotate_rows(const Job& job, int64_t begin, int64_t end, typename Arithmetic<T>::Type* x, const Mix& mix_parts) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job);
  for (int64_t r = begin; r < end; ++r) {
    state.out = static_cast<char*>(job.out) + r * job.out_ld * kOutBytes;
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    rotate<T, To>(job, from, state, x, mix_parts);
  }
  return {largest_of(state), 0};
}

// Rows that are not rotated.
template <class T, class To, int kOutBytes> Most plain_rows(const Job& job, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job);
  const int64_t n = job.columns, whole = n / kLanes<S> * kLanes<S>;
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    state.out = static_cast<char*>(job.out) + r * job.out_ld * kOutBytes;
    for (int64_t i = 0; i < whole; i += kLanes<S>) To::take(state, i, load(from + i));
    for (int64_t i = whole; i < n; ++i) To::one(state, i, widen(from[i]));
  }
  return {largest_of(state), 0};
}

// Rows whose parts have no whole vectors.
template <class T, class To, int kOutBytes>
Most uneven_rows(const Job& job, int64_t begin, int64_t end, typename Arithmetic<T>::Type* x) {
  using S = typename Arithmetic<T>::Type;
  S* kept = x + job.columns;
  State<S> state = state_of<S>(job);
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    for (int64_t i = 0; i < job.columns; ++i) x[i] = widen(from[i]);
    for (int64_t part = 0; part < job.outer; ++part) walsh_values(x + part * job.inner, job.inner);
    if (job.mixing) mix_values(x, kept, static_cast<const S*>(job.mixing), job.outer, job.inner);
    state.out = static_cast<char*>(job.out) + r * job.out_ld * kOutBytes;
    for (int64_t i = 0; i < job.columns; ++i) To::one(state, i, x[i]);
  }
  return {largest_of(state), 0};
}

// f of what mixes the parts of a row.
template <class S, class F> ANNEAL_INLINE Most with_mix(const Job& job, const F& f) {
  const S* mixing = static_cast<const S*>(job.mixing);
  if (!mixing) return f(Unmixed{});
  // An odd order is one of Hartley.
  if constexpr (sizeof(S) == sizeof(float)) {
    if (job.outer == 3) return f(MixedByHartley<S, 3>{Hartley<S, 3>(mixing), job.inner});
    if (job.outer == 5) return f(MixedByHartley<S, 5>{Hartley<S, 5>(mixing), job.inner});
    if (job.outer == 7) return f(MixedByHartley<S, 7>{Hartley<S, 7>(mixing), job.inner});
    if (job.outer == 9) return f(MixedByHartley<S, 9>{Hartley<S, 9>(mixing), job.inner});
  }
  return f(Mixed<S>{mixing, job.outer, job.inner});
}

template <class T, class To, int kOutBytes>
Most rows(const Job& job, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  S* x = static_cast<S*>(buffer);
  if (job.inner == 1 && !job.mixing) return plain_rows<T, To, kOutBytes>(job, begin, end);
  if (job.inner % kLanes<S> != 0) return uneven_rows<T, To, kOutBytes>(job, begin, end, x);
  return with_mix<S>(job, [&](const auto& mix_parts) { return rotate_rows<T, To, kOutBytes>(job, begin, end, x, mix_parts); });
}

template <class S> constexpr int64_t kStrip = kStripBytes / static_cast<int64_t>(sizeof(S));

// Some columns of a block of tokens; `there` of the tokens exist, and `wanted` are kept.
template <class T> struct Tokens {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld, there, width;
  ANNEAL_INLINE Tokens local() const { return *this; }
  ANNEAL_INLINE void back(const Tokens&) const {}
  ANNEAL_INLINE Vec<S> get(int64_t i, int64_t w) const {
    const int64_t left = width - w * kLanes<S>;
    const T* at = x + i * ld + w * kLanes<S>;
    if (i >= there) return Vec<S>{};
    // The next strip of the token: a stride beyond a page defeats the machine's own prefetcher.
    __builtin_prefetch(at + kStrip<S>);
    return left >= kLanes<S> ? load(at) : load_part(at, static_cast<int>(left));
  }
};
template <class S, class To> struct TakenTokens {
  State<S>* state;
  int64_t ld, wanted, width;
  struct Local {
    State<S> state;
    int64_t ld, wanted, width;
    ANNEAL_INLINE void put(int64_t i, int64_t w, Vec<S> v) {
      const int64_t from = w * kLanes<S>, left = width - from;
      if (i >= wanted) return;
      if (left >= kLanes<S>) return To::take(state, i * ld + from, v);
      for (int64_t lane = 0; lane < left; ++lane) To::one(state, i * ld + from + lane, v[lane]);
    }
  };
  ANNEAL_INLINE Local local() const { return {*state, ld, wanted, width}; }
  ANNEAL_INLINE void back(const Local& mine) const {
    state->largest = mine.state.largest;
    state->largest_one = mine.state.largest_one;
  }
};
// The same where all tokens of the block are there and columns are whole vectors: nothing is asked of each. What is read, and the codes
// that are written, of the next strip are fetched meanwhile.
template <class T> struct WholeTokens {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld;
  ANNEAL_INLINE WholeTokens local() const { return *this; }
  ANNEAL_INLINE void back(const WholeTokens&) const {}
  ANNEAL_INLINE Vec<S> get(int64_t i, int64_t w) const {
    const T* at = x + i * ld + w * kLanes<S>;
    __builtin_prefetch(at + kStrip<S>);
    return load(at);
  }
};
template <class S, class To> struct TakenWhole {
  State<S>* state;
  int64_t ld;
  struct Local {
    State<S> state;
    int64_t ld;
    ANNEAL_INLINE void put(int64_t i, int64_t w, Vec<S> v) {
      const int64_t at = i * ld + w * kLanes<S>;
      To::expect(state, at + kStrip<S>);
      To::take(state, at, v);
    }
  };
  ANNEAL_INLINE Local local() const { return {*state, ld}; }
  ANNEAL_INLINE void back(const Local& mine) const { state->largest = mine.state.largest; }
};
// Tokens that are taken as they are while they are read.
template <class From, class To> struct TokensTaken {
  From tokens;
  To plain;
  using S = typename From::S;
  struct Local {
    From tokens;
    typename To::Local plain;
    ANNEAL_INLINE Vec<S> get(int64_t i, int64_t w) {
      const Vec<S> v = tokens.get(i, w);
      plain.put(i, w, v);
      return v;
    }
  };
  ANNEAL_INLINE Local local() const { return {tokens, plain.local()}; }
  ANNEAL_INLINE void back(const Local& mine) const { plain.back(mine.plain); }
};

template <class T, class To, int kOutBytes, bool Both>
Most tokens(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job), plain = state;
  plain.factor = 1;
  plain.inverse = job.plain_inverse;
  const int64_t first = number * job.block;
  const Buffer<S> between{static_cast<S*>(buffer), kStrip<S>};
  for (int64_t column = begin; column < end; column += kStrip<S>) {
    const int64_t width = end - column < kStrip<S> ? end - column : kStrip<S>, wide = (width + kLanes<S> - 1) / kLanes<S>;
    state.out = static_cast<char*>(job.out) + (first * job.out_ld + column) * kOutBytes;
    const Tokens<T> from{static_cast<const T*>(job.in) + first * job.in_ld + column, job.in_ld, job.in_rows - first, width};
    plain.out = Both ? static_cast<char*>(job.plain_out) + (first * job.out_ld + column) * kOutBytes : nullptr;
    const int64_t wanted = job.out_rows - first;
    if (width % kLanes<S> == 0 && job.block > 8 && from.there >= job.block && wanted >= job.block) {
      const WholeTokens<T> all{from.x, from.ld};
      const TakenWhole<S, To> to{&state, job.out_ld}, taken{&plain, job.out_ld};
      if constexpr (Both)
        long_walsh<false>(TokensTaken<WholeTokens<T>, TakenWhole<S, To>>{all, taken}, between, to, job.block, wide);
      else if constexpr (__is_same(To, Store<T>))
        long_walsh<false>(all, job.in == job.out ? Buffer<S>{static_cast<S*>(state.out), job.out_ld} : between, to, job.block, wide);
      else
        long_walsh<false>(all, between, to, job.block, wide);
      continue;
    }
    const TakenTokens<S, To> to{&state, job.out_ld, wanted, width}, taken{&plain, job.out_ld, from.there, width};
    if constexpr (Both)
      walsh<false>(TokensTaken<Tokens<T>, TakenTokens<S, To>>{from, taken}, between, to, job.block, wide);
    else
      walsh<false>(from, between, to, job.block, wide);
  }
  return {largest_of(state), largest_of(plain)};
}

template <class T, class To, int kOutBytes> constexpr Loops of() {
  return {rows<T, To, kOutBytes>, tokens<T, To, kOutBytes, false>, nullptr};
}
template <class T, class To, int kOutBytes> constexpr Loops of_both() {
  return {rows<T, To, kOutBytes>, tokens<T, To, kOutBytes, false>, tokens<T, To, kOutBytes, true>};
}
template <class T> const Loops& narrow_of(Sink sink) {
  static constexpr Loops all[kSinks] = {
      {},
      of<T, Store<float>, 4>(),
      of<T, Store<Bf16>, 2>(),
      of_both<T, Largest, 0>(),
      of_both<T, Code8, 1>(),
      of_both<T, Float8, 1>(),
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
