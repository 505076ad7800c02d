// The loops of codebook.h, compiled once an instruction set. A score is |r|^2 / 2 - r . C + |C|^2 /
// 2 for all entries at once, one in each lane; none is written to memory but those of a beam.
#include "../simd/simd.h"
#include "coded_loops.h"
#include "hypothesis.h"

namespace anneal::codebook::ANNEAL_ISA {

namespace {

using namespace simd::ANNEAL_ISA;

constexpr int kWide = kLanes<float>;

// target - sum_{j != skipped} C_j[code_j]; `skipped` -1: of all.
inline void residual_of(const Search& s, const float* target, const uint8_t* code, int skipped, float* r) {
  for (int i = 0; i < s.values; ++i)
    r[i] = target[i];
  for (int k = 0; k < s.codebooks; ++k) {
    if (k == skipped) continue;
    const float* entry = s.codebook + (static_cast<int64_t>(k) * s.entries + code[k]) * s.values;
    for (int i = 0; i < s.values; ++i)
      r[i] -= entry[i];
  }
}

// Values of a group, each in all lanes and with the other sign: in registers where their number is
// a constant.
template <int G> struct Spread {
  F value[G > 0 ? G : kMostValues];

  ANNEAL_INLINE Spread(const Search& s, const float* r) {
#pragma GCC unroll 16
    for (int i = 0; i < (G > 0 ? G : s.values); ++i)
      value[i] = splat(-r[i]);
  }
};

template <int G>
ANNEAL_INLINE F score_of(const Search& s, const Spread<G>& r, const float* turned, const float* half, int c, F base) {
  F score = base + load(half + c);
#pragma GCC unroll 16
  for (int i = 0; i < (G > 0 ? G : s.values); ++i)
    score = fma(r.value[i], load(turned + static_cast<int64_t>(i) * s.padded + c), score);
  return score;
}

struct Best {
  float score;
  int code;
};

// The entry with the least score, the first of equal ones.
template <int G> inline Best nearest(const Search& s, int k, const float* r, float base) {
  const float* turned = s.turned + static_cast<int64_t>(k) * s.values * s.padded;
  const float* half = s.half + static_cast<int64_t>(k) * s.padded;
  const Spread<G> spread(s, r);
  F best = splat(__builtin_inff());
  I at = {}, here = {};
  for (int i = 0; i < kWide; ++i)
    here[i] = i;
  for (int c = 0; c < s.padded; c += kWide, here += kWide) {
    const F score = score_of(s, spread, turned, half, c, splat(base));
    at = score < best ? here : at;
    best = smaller(score, best);
  }
  Best found{best[0], at[0]};
  for (int i = 1; i < kWide; ++i)
    if (best[i] < found.score || (best[i] == found.score && at[i] < found.code)) found = {best[i], at[i]};
  return found;
}

template <int G>
inline void extend(const Search& s, int k, const float* r, float base, Hypothesis one, Hypothesis* best, int& count) {
  const float* turned = s.turned + static_cast<int64_t>(k) * s.values * s.padded;
  const float* half = s.half + static_cast<int64_t>(k) * s.padded;
  const Spread<G> spread(s, r);
  float scores[kMostEntries];
  for (int c = 0; c < s.padded; c += kWide)
    store(scores + c, score_of(s, spread, turned, half, c, splat(base)));
  for (int c = 0; c < s.entries; ++c) {
    one.score = scores[c];
    one.code[k] = static_cast<uint8_t>(c);
    insert(best, count, s.beam, one);
  }
}

template <int G> void find_one(const Search& s, const float* target, const uint8_t* code, uint8_t* found) {
  Hypothesis kept[kMostBeam], next[kMostBeam];
  int count = 1;
  for (int k = 0; k < s.codebooks; ++k)
    kept[0].code[k] = code[k];
  for (int step = 0; step < s.codebooks; ++step) {
    const int k = s.order[step];
    const bool isLast = step == s.codebooks - 1;
    int filled = 0;
    for (int h = 0; h < count; ++h) {
      float r[kMostValues], base = 0;
      residual_of(s, target, kept[h].code, k, r);
      for (int i = 0; i < s.values; ++i)
        base += r[i] * r[i];
      if (isLast || s.beam == 1) {
        const Best best = nearest<G>(s, k, r, base / 2);
        Hypothesis one = kept[h];
        one.score = best.score;
        one.code[k] = static_cast<uint8_t>(best.code);
        insert(next, filled, 1, one);
      } else {
        extend<G>(s, k, r, base / 2, kept[h], next, filled);
      }
    }
    count = filled;
    for (int h = 0; h < count; ++h)
      kept[h] = next[h];
  }
  // A target that is no number has no score below another, and keeps its codes.
  const bool isBetter = error_of(s, target, kept[0].code) < error_of(s, target, code);
  for (int k = 0; k < s.codebooks; ++k)
    found[k] = isBetter ? kept[0].code[k] : code[k];
}

} // namespace

void decode(const Coded<float>& w, int64_t first, int64_t last, float* out) {
  with_values(w.size.values, [&]<int G>() { decode_rows<G>(w, first, last, out); });
}

void decode_bfloat16(const Coded<float>& w, int64_t first, int64_t last, uint16_t* out) {
  with_values(w.size.values, [&]<int G>() { decode_rows<G>(w, first, last, out); });
}

void gradient(const Coded<float>& w, const float* gradient, int64_t first, int64_t last, float* table, float* scales) {
  with_values(w.size.values, [&]<int G>() { gradient_rows<G>(w, gradient, first, last, table, scales); });
}

void find(const Search& s, int64_t first, int64_t last) {
  with_values(s.values, [&]<int G>() {
    for (int64_t n = first; n < last; ++n)
      find_one<G>(s, s.targets + n * s.values, s.codes + n * s.codebooks, s.found + n * s.codebooks);
  });
}

} // namespace anneal::codebook::ANNEAL_ISA
