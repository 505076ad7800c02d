// Parts of a row, each transformed by itself (walsh.h), become sums of parts: S of hadamard.h.
#pragma once

#include <vector>

#include "walsh.h"

namespace anneal::hadamard::ANNEAL_ISA {

// Value by value, where a part has no whole vectors.
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

} // namespace anneal::hadamard::ANNEAL_ISA
