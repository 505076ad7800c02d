// The loops of affine_groups.h, compiled once an instruction set. A group that is not whole vectors
// is worked on in a copy, filled up with zeros: they change neither end of its range.
#include "../bfloat16.h"
#include "../philox/philox_lanes.h"
#include "../simd/simd.h"
#include "affine_groups.h"

namespace anneal::affine_groups::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

constexpr int kWide = kLanes<float>;

namespace {

struct Range {
  float low, high;
  float rest; // 0, or NaN where a value is not finite
};

ANNEAL_INLINE Range range_of(const float* x, int size) {
  F low = {}, high = {}, rest = {};
  for (int i = 0; i < size; i += kWide) {
    const F v = load(x + i);
    low = smaller(v, low);
    high = larger(v, high);
    rest += v - v;
  }
  float lows[kWide], highs[kWide];
  store(lows, low);
  store(highs, high);
  Range all = {0, 0, simd::ANNEAL_ISA::sum(rest)};
  for (int i = 0; i < kWide; ++i) {
    all.low = lows[i] < all.low ? lows[i] : all.low;
    all.high = highs[i] > all.high ? highs[i] : all.high;
  }
  return all;
}

// The 16 bits of each value of a group.
ANNEAL_INLINE void draw_halves(uint64_t key, int64_t group, int size, uint16_t* halves) {
  using philox::ANNEAL_ISA::kWords;
  uint32_t words[kWords];
  for (int i = 0; i < size; i += 2 * kWords) {
    philox::ANNEAL_ISA::draw(key, kDomain, 0, static_cast<uint64_t>(group * kBlocks + i / 8), words);
    memcpy(halves + i, words, sizeof words);
  }
}

template <bool StochasticRounding>
void code_groups(const float* x, const Coding& coding, int64_t first, int64_t count) {
  alignas(64) float copy[kMost] = {};
  alignas(64) int32_t codes[kMost];
  alignas(64) uint16_t halves[kMost] = {};
  const Coding to = coding; // a copy: a byte that is written could be one of `coding`
  const int size = to.size;
  const F zero = {}, largest = splat(static_cast<float>(to.last));
  for (int64_t g = first; g < first + count; ++g) {
    const float* values = x + (g - first) * size;
    if (size % kWide) values = static_cast<float*>(memcpy(copy, values, sizeof(float) * size));
    const Range range = range_of(values, size);
    const float wide = (range.high - range.low) / static_cast<float>(to.last - 1);
    const float scale = (wide > kLeast ? wide : kLeast) + range.rest;
    const float at_zero = __builtin_ceilf(-range.low / scale);
    if constexpr (StochasticRounding) draw_halves(to.key, g, size, halves);
    const F scales = splat(scale), zeros = splat(at_zero);
    for (int i = 0; i < size; i += kWide) {
      F lift = splat(0.5f);
      if constexpr (StochasticRounding) {
        Half drawn;
        memcpy(&drawn, halves + i, sizeof drawn);
        lift = (__builtin_convertvector(__builtin_convertvector(drawn, I), F) + splat(0.5f)) * splat(0x1p-16f);
      }
      const F place = load(values + i) / scales + zeros + lift;
      const I code = __builtin_convertvector(smaller(larger(place, zero), largest), I);
      memcpy(codes + i, &code, sizeof code);
    }
    for (int i = 0; i < size; ++i)
      to.codes[g * size + i] = static_cast<uint8_t>(codes[i]);
    to.scales[g] = scale;
    to.zeros[g] = at_zero > 0 ? static_cast<uint8_t>(at_zero) : 0;
  }
}

// `put_one` takes a place of x and its number.
template <class Out, class Put>
ANNEAL_INLINE void decode_groups(const Coded& from, Out* x, int64_t first, int64_t count, Put put_one) {
  alignas(64) uint8_t halves[kMost + 2];
  const int size = from.size;
  for (int64_t g = first; g < first + count; ++g) {
    const int64_t begin = g * size, bytes = (begin + size + 1) / 2 - begin / 2;
    const uint8_t* codes = from.codes + (from.in_halves ? begin / 2 : begin);
    if (from.in_halves) {
      for (int64_t i = 0; i < bytes; ++i) {
        halves[2 * i] = codes[i] & 15;
        halves[2 * i + 1] = codes[i] >> 4;
      }
      codes = halves + begin % 2;
    }
    const float scale = from.scales[g];
    const int32_t zero = from.zeros[g];
    Out* const to = x + (g - first) * size;
    for (int i = 0; i < size; ++i)
      put_one(to + i, static_cast<float>(static_cast<int32_t>(codes[i]) - zero) * scale);
  }
}

}  // namespace

void code(const float* x, const Coding& to, int64_t first, int64_t count) {
  if (to.stochastic)
    code_groups<true>(x, to, first, count);
  else
    code_groups<false>(x, to, first, count);
}

void decode(const Coded& from, float* x, int64_t first, int64_t count) {
  decode_groups(from, x, first, count, [](float* to, float value) { *to = value; });
}

void decode_bfloat16(const Coded& from, uint16_t* x, int64_t first, int64_t count) {
  decode_groups(from, x, first, count, [](uint16_t* to, float value) { *to = to_bfloat16(value); });
}

void add(const Coded& from, float kept, float* x, int64_t first, int64_t count) {
  decode_groups(from, x, first, count, [kept](float* to, float value) { *to = (*to + value) * kept; });
}

}  // namespace anneal::affine_groups::ANNEAL_ISA
