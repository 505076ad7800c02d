// Blocks of 32 values with a step of half precision: bytes in the order of blocks.h.
#pragma once

#include "quantize_search.h"

namespace anneal::gguf::ANNEAL_ISA {

namespace {

constexpr int kPlain = static_cast<int>(kBlock);

ANNEAL_INLINE F inverse_of(F step) {
  return step != 0 ? 1.0f / step : F{};
}

// Cut off towards zero, within 0 to `top`.
ANNEAL_INLINE U cut_in(F x, float top) {
  return whole(smaller(larger(x, F{}), splat(top)));
}

template <class B> ANNEAL_INLINE void weights_of(const B& batch, F (&w)[kPlain]) {
  for (int i = 0; i < kPlain; ++i)
    w[i] = batch.importance[i] * root(batch.mean_square + batch.x[i] * batch.x[i]);
}

// Four bits of each value from `at` on; the fifth, if there is one, in four bytes before.
template <int kBits, class B> ANNEAL_INLINE void put_codes(B& batch, int at, const U (&codes)[kPlain]) {
  if constexpr (kBits == 5) {
    batch.put(at - 4, 4, [&](int byte) {
      U bits = {};
      for (int i = 0; i < 8; ++i)
        bits |= (codes[8 * byte + i] >> 4) << i;
      return bits;
    });
  }
  batch.put(at, 16, [&](int i) { return (codes[i] & 15) | (codes[i + 16] & 15) << 4; });
}

// Q4_0 and Q5_0: the value farthest from zero has the lowest code.
template <int kBits> struct Around {
  static constexpr int kValues = kPlain, kHigh = kBits == 5 ? 4 : 0, kBytes = 18 + kHigh;
  static constexpr float kTop = 1 << (kBits - 1);

  static ANNEAL_INLINE void quantize(Batch<kPlain, kBytes>& batch) {
    U codes[kPlain];
    F step;
    if (batch.has_importance) {
      F w[kPlain];
      weights_of(batch, w);
      const Found found = fit_around<kPlain>(batch.x, w, kTop);
      step = found.scale;
      const I zero = found.inverse == 0;
      for (int i = 0; i < kPlain; ++i) {
        const F code = nearest_in(found.inverse * batch.x[i], -kTop, kTop - 1) + kTop;
        codes[i] = whole(zero ? F{} : code);
      }
    } else {
      step = Farthest<kPlain>(batch.x).value / -kTop;
      const F inverse = inverse_of(step);
      for (int i = 0; i < kPlain; ++i)
        codes[i] = cut_in(batch.x[i] * inverse + (kTop + 0.5f), 2 * kTop - 1);
    }
    batch.put_half(0, batch.half(step));
    put_codes<kBits>(batch, 2 + kHigh, codes);
  }
};

// Q4_1 and Q5_1: from the smallest value to the largest.
template <int kBits> struct Above {
  static constexpr int kValues = kPlain, kHigh = kBits == 5 ? 4 : 0, kBytes = 20 + kHigh;
  static constexpr float kTop = (1 << kBits) - 1;

  static ANNEAL_INLINE void quantize(Batch<kPlain, kBytes>& batch) {
    U codes[kPlain];
    F step, base;
    if (batch.has_importance) {
      F w[kPlain];
      weights_of(batch, w);
      const Found found = fit_above<kPlain, false>(batch.x, w, kTop, kWeightedSteps);
      step = found.scale;
      base = found.base;
      for (int i = 0; i < kPlain; ++i)
        codes[i] = whole(nearest_in(found.inverse * (batch.x[i] - found.origin), 0, kTop));
    } else {
      F high = base = batch.x[0];
      for (int i = 1; i < kPlain; ++i) {
        base = smaller(batch.x[i], base);
        high = larger(batch.x[i], high);
      }
      step = (high - base) / kTop;
      const F inverse = inverse_of(step);
      for (int i = 0; i < kPlain; ++i)
        codes[i] = cut_in((batch.x[i] - base) * inverse + 0.5f, kTop);
    }
    batch.put_half(0, batch.half(step));
    batch.put_half(2, batch.half(base));
    put_codes<kBits>(batch, 4 + kHigh, codes);
  }
};

struct Q8_0 {
  static constexpr int kValues = kPlain, kBytes = 34;

  static ANNEAL_INLINE void quantize(Batch<kPlain, kBytes>& batch) {
    const F step = Farthest<kPlain>(batch.x).size / 127.0f;
    const F inverse = inverse_of(step);
    batch.put_half(0, batch.half(step));
    batch.put(2, kPlain, [&](int i) {
      const F place = batch.x[i] * inverse;
      // To nearest, ties away from zero. Denormal steps can push a quotient past 127.
      const F size = smaller(larger(magnitude(place), F{}), splat(127.0f));
      const F below = __builtin_convertvector(__builtin_convertvector(size, I), F);
      const F code = size - below >= 0.5f ? below + 1.0f : below;
      return whole(place < 0 ? -code : code) & 255;
    });
  }
};

} // namespace

} // namespace anneal::gguf::ANNEAL_ISA
