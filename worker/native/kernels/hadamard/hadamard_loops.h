// The loops of hadamard.h, compiled once an instruction set.
#include <vector>

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

// Parts become sums of parts: y_k = sum over i of mixing[k][i] x_i, for the vectors of them that
// begin at x; `to` gets y_k with k.
template <class S, int Outputs, class To>
ANNEAL_INLINE void mix_some(const S* x, To& to, int64_t k, const S* mixing, int64_t parts, int64_t size) {
  Vec<S> sum[Outputs] = {};
  for (int64_t i = 0; i < parts; ++i) {
    const Vec<S> v = load(x + i * size);
#pragma GCC unroll 8
    for (int o = 0; o < Outputs; ++o) sum[o] = fma(splat(mixing[(k + o) * parts + i]), v, sum[o]);
  }
#pragma GCC unroll 8
  for (int o = 0; o < Outputs; ++o) to(k + o, sum[o]);
}
template <class S> struct Mixed {
  const S* mixing;
  int64_t parts;
  template <class To> ANNEAL_INLINE void operator()(const S* x, int64_t size, To&& to) const {
    int64_t k = 0;
    for (; k + 4 <= parts; k += 4) mix_some<S, 4>(x, to, k, mixing, parts, size);
    for (; k < parts; ++k) mix_some<S, 1>(x, to, k, mixing, parts, size);
  }
};

// What the sum and the difference of parts i and `parts` - i are multiplied by for outputs k and
// `parts` - k: number `at` of the pairs (k, i).
template <class S> void pair_of(const S* mixing, int64_t parts, int64_t at, S* cosine, S* sine) {
  const S* row = mixing + (at / (parts / 2) + 1) * parts;
  const int64_t i = at % (parts / 2) + 1;
  *cosine = (row[i] + row[parts - i]) / 2;
  *sine = (row[i] - row[parts - i]) / 2;
}

// The same of a Hartley matrix of a small odd order: sums and differences of parts i and Parts - i
// meet cosines and sines apart, which is half the work.
template <class S, int Parts> struct Hartley {
  static constexpr int kHalf = Parts / 2;
  S cosine[kHalf][kHalf], sine[kHalf][kHalf];

  explicit Hartley(const S* mixing) {
    for (int at = 0; at < kHalf * kHalf; ++at) pair_of(mixing, Parts, at, cosine[0] + at, sine[0] + at);
  }
  template <class To> ANNEAL_INLINE void operator()(const S* x, int64_t size, To&& to) const {
    Vec<S> sum[kHalf], difference[kHalf];
    const Vec<S> x0 = load(x);
    Vec<S> all = x0;
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) {
      const Vec<S> a = load(x + (i + 1) * size), b = load(x + (Parts - 1 - i) * size);
      sum[i] = a + b;
      difference[i] = a - b;
      all += sum[i];
    }
    to(0, all);
#pragma GCC unroll 8
    for (int k = 0; k < kHalf; ++k) {
      Vec<S> even = fma(splat(cosine[k][0]), sum[0], x0), odd = splat(sine[k][0]) * difference[0];
#pragma GCC unroll 8
      for (int i = 1; i < kHalf; ++i) {
        even = fma(splat(cosine[k][i]), sum[i], even);
        odd = fma(splat(sine[k][i]), difference[i], odd);
      }
      to(k + 1, even + odd);
      to(Parts - 1 - k, even - odd);
    }
  }
};
// The same of any odd order: sums and differences lie where the parts were.
template <class S> struct AnyHartley {
  int64_t parts, half;
  std::vector<S> factors; // cosine and sine of each pair of parts, [half, half, 2]

  AnyHartley(const S* mixing, int64_t order) : parts(order), half(order / 2), factors(static_cast<size_t>(2 * half * half)) {
    for (int64_t at = 0; at < half * half; ++at) pair_of(mixing, parts, at, &factors[2 * at], &factors[2 * at + 1]);
  }
  template <int Outputs, class To>
  ANNEAL_INLINE void some(const S* x, int64_t size, To& to, int64_t k) const {
    Vec<S> even[Outputs], odd[Outputs] = {};
    for (int o = 0; o < Outputs; ++o) even[o] = load(x);
    const S* f = factors.data() + k * half * 2;
    for (int64_t i = 0; i < half; ++i) {
      const Vec<S> sum = load(x + (i + 1) * size), difference = load(x + (parts - 1 - i) * size);
      for (int o = 0; o < Outputs; ++o) {
        even[o] = fma(splat(f[(o * half + i) * 2]), sum, even[o]);
        odd[o] = fma(splat(f[(o * half + i) * 2 + 1]), difference, odd[o]);
      }
    }
    for (int o = 0; o < Outputs; ++o) {
      to(k + o + 1, even[o] + odd[o]);
      to(parts - 1 - k - o, even[o] - odd[o]);
    }
  }
  template <class To> ANNEAL_INLINE void operator()(S* x, int64_t size, To&& to) const {
    Vec<S> all = load(x);
    for (int64_t i = 1; i <= half; ++i) {
      S *first = x + i * size, *last = x + (parts - i) * size;
      const Vec<S> a = load(first), b = load(last);
      store(first, a + b);
      store(last, a - b);
      all += a + b;
    }
    to(0, all);
    // One pair alone would wait for each of its sums: the last five are three and two.
    int64_t k = 0;
    for (; half - k > 5 || half - k == 4; k += 4) some<4>(x, size, to, k);
    for (; half - k == 5 || half - k == 3; k += 3) some<3>(x, size, to, k);
    for (; half - k == 2; k += 2) some<2>(x, size, to, k);
    for (; k < half; ++k) some<1>(x, size, to, k);
  }
};
struct Unmixed {};

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

// A row that is read, and where its rotated values go; those of the next row are asked for
// meanwhile.
template <class T> struct Row {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld;
  ANNEAL_INLINE Two<S> get(int64_t i, int64_t) const {
    expect<0, kPlace<S> * sizeof(T)>(x + ld + i * kPlace<S>);
    return load_two(x + i * kPlace<S>);
  }
};
template <class T, class To> struct Taken {
  using S = typename Arithmetic<T>::Type;
  State<S> state;
  int64_t from, ld;
  ANNEAL_INLINE void put_one(int64_t i, Vec<S> v) {
    expect<1, kLanes<S> * To::kSize>(static_cast<char*>(state.out) + (from + i + ld) * To::kSize);
    To::take(state, from + i, v);
  }
  ANNEAL_INLINE void put(int64_t i, int64_t, Two<S> v) { put_at(i * kPlace<S>, v); }
  ANNEAL_INLINE void put_at(int64_t i, Two<S> v) {
    if constexpr (!__is_same(To, Streamed)) expect<1, kPlace<S> * To::kSize>(static_cast<char*>(state.out) + (from + i + ld) * To::kSize);
    take_two<To, kHalves<T>>(state, from + i, v);
  }
};

template <class T> constexpr Inside kInside = kHalves<T> ? Inside::kHalves : Inside::kNeighbours;
// Parts of whole places, each transformed by itself.
template <class T, class S> void transform_parts(const Job& job, const T* row, S* x) {
  const int64_t size = job.inner, count = size / kPlace<S>;
  for (int64_t part = 0; part < job.outer; ++part) {
    Row<T> from{row + part * size, job.in_ld};
    Buffer<S> to{x + part * size, kPlace<S>};
    if (count <= kRadix)
      narrowest<kInside<T>, S>(from, to, 0, count, 1, count);
    else
      walsh<kInside<T>>(from, to, to, count, 1);
  }
}
// The same, and `kept` has a vector for each part.
template <class T, class To, class Mix, class S>
ANNEAL_INLINE void rotate(const Job& job, const T* row, Taken<T, To>& to, S* x, S* kept, const Mix& mix_parts) {
  const int64_t size = job.inner;
  if constexpr (__is_same(Mix, Unmixed)) {
    for (int64_t part = 0; part < job.outer; ++part) {
      Row<T> from{row + part * size, job.in_ld};
      to.from = part * size;
      walsh<kInside<T>>(from, Buffer<S>{x, kPlace<S>}, to, size / kPlace<S>, 1);
    }
  } else {
    transform_parts(job, row, x);
    for (int64_t j = 0; j < size; j += kLanes<S>)
      mix_parts(x + j, size, [&](int64_t k, Vec<S> v) __attribute__((always_inline)) {
        S* first = kept + k * kLanes<S>;
        if constexpr (!kHalves<T>)
          to.put_one(k * size + j, v);
        else if (j % kPlace<S> == 0)
          store(first, v);
        else
          to.put_at(k * size + j - kLanes<S>, {load(first), v});
      });
  }
}
template <class T, class To, class Mix, class S>
Most rotate_rows(const Job& job, int64_t begin, int64_t end, S* x, const Mix& mix_parts) {
  Taken<T, To> to{state_of<S>(job), 0, job.out_ld};
  for (int64_t r = begin; r < end; ++r) {
    to.state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    rotate(job, static_cast<const T*>(job.in) + r * job.in_ld, to, x, x + job.columns, mix_parts);
  }
  if constexpr (__is_same(To, Streamed)) streamed();
  return {largest_of(to.state), 0};
}

// Rows that are not rotated.
template <class T, class To> Most plain_rows(const Job& job, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job);
  const int64_t n = job.columns, whole = n / kPlace<S> * kPlace<S>;
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    for (int64_t i = 0; i < whole; i += kPlace<S>) take_two<To, kHalves<T>>(state, i, load_two(from + i));
    for (int64_t i = whole; i < n; ++i) To::one(state, i, widen(from[i]));
  }
  return {largest_of(state), 0};
}

// Rows whose parts have no whole places.
template <class T, class To, class S> Most uneven_rows(const Job& job, int64_t begin, int64_t end, S* x) {
  S* kept = x + job.columns;
  State<S> state = state_of<S>(job);
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    for (int64_t i = 0; i < job.columns; ++i) x[i] = widen(from[i]);
    for (int64_t part = 0; part < job.outer; ++part) walsh_values(x + part * job.inner, job.inner);
    if (job.mixing) mix_values(x, kept, static_cast<const S*>(job.mixing), job.outer, job.inner);
    state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    for (int64_t i = 0; i < job.columns; ++i) To::one(state, i, x[i]);
  }
  return {largest_of(state), 0};
}

template <class T, class To> Most rows(const Job& job, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  S* x = static_cast<S*>(buffer);
  const S* mixing = static_cast<const S*>(job.mixing);
  if (job.inner == 1 && !mixing) return plain_rows<T, To>(job, begin, end);
  if (job.inner % kPlace<S> != 0) return uneven_rows<T, To>(job, begin, end, x);
  if (!mixing) return rotate_rows<T, To>(job, begin, end, x, Unmixed{});
  // An odd order is one of Hartley.
  if constexpr (sizeof(S) == sizeof(float)) {
    if (job.outer == 3) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 3>(mixing));
    if (job.outer == 5) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 5>(mixing));
    if (job.outer == 7) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 7>(mixing));
    if (job.outer == 9) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 9>(mixing));
    if (job.outer == 11) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 11>(mixing));
    if (job.outer == 15) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 15>(mixing));
  }
  if (job.outer % 2 != 0) return rotate_rows<T, To>(job, begin, end, x, AnyHartley<S>(mixing, job.outer));
  return rotate_rows<T, To>(job, begin, end, x, Mixed<S>{mixing, job.outer});
}

template <class S> constexpr int64_t kStrip = kStripBytes / static_cast<int64_t>(sizeof(S));

// Some columns of a block of tokens. What is read, and the codes that are written, of the next
// strip are fetched meanwhile: a stride beyond a page defeats the machine's own prefetcher.
template <class T, class To> struct TakenTokens {
  using S = typename Arithmetic<T>::Type;
  State<S> state;
  int64_t ld;
  ANNEAL_INLINE void put(int64_t i, int64_t w, Two<S> v) {
    const int64_t at = i * ld + w * kPlace<S>;
    expect<1, kPlace<S> * To::kSize>(static_cast<char*>(state.out) + (at + kStrip<S>) * To::kSize);
    take_two<To, kHalves<T>>(state, at, v);
  }
};
// `Both`: they are taken as they are while they are read.
template <bool Both, class T, class To> struct Tokens {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld;
  TakenTokens<T, To> plain;
  ANNEAL_INLINE Two<S> get(int64_t i, int64_t w) {
    const T* at = x + i * ld + w * kPlace<S>;
    expect<0, kPlace<S> * sizeof(T)>(at + kStrip<S>);
    const Two<S> v = load_two(at);
    if constexpr (Both) plain.put(i, w, v);
    return v;
  }
};
template <bool Both, class T, class To, class S>
void rotate_strip(const Job& job, const T* x, Buffer<S> between, State<S>& state, State<S>& plain, int64_t wide) {
  Tokens<Both, T, To> from{x, job.in_ld, {plain, job.out_ld}};
  TakenTokens<T, To> to{state, job.out_ld};
  walsh<Inside::kNone>(from, between, to, job.block, wide);
  plain = from.plain.state;
  state = to.state;
}
template <class S> void walsh_here(Buffer<S> x, int64_t count, int64_t wide) { walsh<Inside::kNone>(x, x, x, count, wide); }
// The same of `width` columns of a block of which `there` tokens exist and `wanted` are kept: edges
// are looked at.
template <bool Both, class T, class To, class S>
void rotate_edges(const Job& job, const T* x, S* buffer, State<S>& state, State<S>& plain, int64_t width, int64_t there, int64_t wanted) {
  const auto take = [&](State<S>& s, const S* from, int64_t at) {
    int64_t i = 0;
    for (; i + kLanes<S> <= width; i += kLanes<S>) To::take(s, at + i, load(from + i));
    for (; i < width; ++i) To::one(s, at + i, from[i]);
  };
  for (int64_t i = 0; i < job.block; ++i) {
    S* token = buffer + i * kStrip<S>;
    const int64_t kept = i < there ? width : 0;
    for (int64_t c = 0; c < kept; ++c) token[c] = widen(x[i * job.in_ld + c]);
    for (int64_t c = kept; c < kStrip<S>; ++c) token[c] = 0;
    if (Both && kept > 0) take(plain, token, i * job.out_ld);
  }
  walsh_here(Buffer<S>{buffer, kStrip<S>}, job.block, kStrip<S> / kPlace<S>);
  for (int64_t i = 0; i < job.block && i < wanted; ++i) take(state, buffer + i * kStrip<S>, i * job.out_ld);
}

template <class T, class To, bool Both>
Most tokens(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job), plain = state;
  plain.factor = 1;
  plain.inverse = job.plain_inverse;
  const int64_t first = number * job.block, there = job.in_rows - first, wanted = job.out_rows - first;
  S* x = static_cast<S*>(buffer);
  for (int64_t column = begin; column < end; column += kStrip<S>) {
    const int64_t width = end - column < kStrip<S> ? end - column : kStrip<S>;
    const T* from = static_cast<const T*>(job.in) + first * job.in_ld + column;
    const int64_t out = (first * job.out_ld + column) * To::kSize;
    state.out = static_cast<char*>(job.out) + out;
    plain.out = Both ? static_cast<char*>(job.plain_out) + out : nullptr;
    if (width % kPlace<S> != 0 || there < job.block || wanted < job.block) {
      rotate_edges<Both, T, To>(job, from, x, state, plain, width, there, wanted);
      continue;
    }
    Buffer<S> between{x, kStrip<S>};
    if constexpr (__is_same(To, Store<S>))
      if (job.in == job.out) between = {static_cast<S*>(state.out), job.out_ld};
    rotate_strip<Both, T, To>(job, from, between, state, plain, width / kPlace<S>);
  }
  return {largest_of(state), largest_of(plain)};
}

template <class T, class To> constexpr Loops of() { return {rows<T, To>, tokens<T, To, false>, nullptr}; }
template <class T, class To> constexpr Loops of_both() { return {rows<T, To>, tokens<T, To, false>, tokens<T, To, true>}; }
template <class T> const Loops& narrow_of(Sink sink) {
  static constexpr Loops all[kSinks] = {
      {},
      of<T, Store<float>>(),
      of<T, Store<Bf16>>(),
      of_both<T, Largest>(),
      of_both<T, Code8>(),
      of_both<T, Float8>(),
      {rows<T, Streamed>, nullptr, nullptr},
  };
  return all[static_cast<int>(sink)];
}

// float64 stays float64.
const Loops& loops(rows::Element element, Sink sink) {
  static constexpr Loops wide = of<double, Store<double>>();
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
