// Blocks of 256 values: groups of 16 or 32 with codes for their steps, and for their bases where
// they have them. Bytes in the order of blocks.h.
#pragma once

#include "quantize_search.h"

namespace anneal::gguf::ANNEAL_ISA {

namespace {

constexpr int kSuper = static_cast<int>(kSuperBlock);

// Sum of the squares of N values, in their order.
template <int N> ANNEAL_INLINE F squares_of(const F* x) {
  F sum = {};
  for (int i = 0; i < N; ++i)
    sum += x[i] * x[i];
  return sum;
}

template <int N> ANNEAL_INLINE F sum_of(const F* w) {
  F sum = {};
  for (int i = 0; i < N; ++i)
    sum += w[i];
  return sum;
}

// w[i] = importance * sqrt(spread + x^2)
template <int N> ANNEAL_INLINE void weigh(const F* importance, F spread, const F* x, F* w) {
  for (int i = 0; i < N; ++i)
    w[i] = importance[i] * root(spread + x[i] * x[i]);
}

// Codes of steps that are not negative, as shares of the largest; returns that of one.
template <int N> ANNEAL_INLINE F code_scales(const F* x, float top, F* codes) {
  F end = {};
  for (int i = 0; i < N; ++i)
    end = larger(x[i], end);
  const F inverse = end > 0 ? top / end : F{};
  for (int i = 0; i < N; ++i)
    codes[i] = nearest_in(inverse * x[i], 0, top);
  return end / top;
}

// Codes of steps of either sign, of which the largest has the code -top; returns that of one.
template <int N> ANNEAL_INLINE F code_signed(const F* x, float top, F* codes) {
  const Farthest<N> end(x);
  const F inverse = -top / end.value;
  const I zero = end.size == 0;
  for (int i = 0; i < N; ++i)
    codes[i] = zero ? splat(-top) : nearest_in(inverse * x[i], -top, top - 1);
  return zero ? F{} : 1.0f / inverse;
}

// 12 bytes: pairs of a step and a base in 6 bits, as blocks.h describes them.
template <class B> ANNEAL_INLINE void put_pairs(B& batch, int at, const F* steps, const F* bases) {
  batch.put(at, 12, [&](int i) {
    if (i < 4)
      return whole(steps[i]) | (whole(steps[i + 4]) >> 4) << 6;
    if (i < 8)
      return whole(bases[i - 4]) | (whole(bases[i]) >> 4) << 6;
    return (whole(steps[i - 4]) & 15) | (whole(bases[i - 4]) & 15) << 4;
  });
}

// Two bits a value: 32 bytes for each 128, the k-th pair of bits for their k-th 32.
template <class B> ANNEAL_INLINE void put_twos(B& batch, int at, const U* codes) {
  for (int half = 0; half < 2; ++half) {
    batch.put(at + 32 * half, 32, [&](int i) {
      const U* c = codes + 128 * half + i;
      return (c[0] & 3) | (c[32] & 3) << 2 | (c[64] & 3) << 4 | (c[96] & 3) << 6;
    });
  }
}

// Four bits a value: 32 bytes for each 64.
template <class B> ANNEAL_INLINE void put_fours(B& batch, int at, const U* codes) {
  for (int pair = 0; pair < 4; ++pair) {
    batch.put(at + 32 * pair, 32, [&](int i) {
      const U* c = codes + 64 * pair + i;
      return (c[0] & 15) | (c[32] & 15) << 4;
    });
  }
}

// Bit k of byte i is that above `shift` of the i-th code of the k-th 32.
template <class B> ANNEAL_INLINE void put_ones(B& batch, int at, const U* codes, int shift) {
  batch.put(at, 32, [&](int i) {
    U bits = {};
    for (int k = 0; k < 8; ++k)
      bits |= ((codes[32 * k + i] >> shift) & 1) << k;
    return bits;
  });
}

// Q2_K, Q4_K and Q5_K: a step and a base for each group.
template <int kBits> struct SuperAbove {
  static constexpr int kValues = kSuper, kBytes = kBits == 2 ? 84 : kBits == 4 ? 144 : 176;
  static constexpr int kGroup = kBits == 2 ? 16 : 32, kGroups = kSuper / kGroup;
  static constexpr float kTop = (1 << kBits) - 1, kScaleTop = kBits == 2 ? 15 : 63;
  static constexpr Steps kSteps = kBits == 4 ? Steps{-1, 0.1f, 21} : Steps{-0.5f, 0.1f, 16};
  using B = Batch<kSuper, kBytes>;

  static ANNEAL_INLINE void quantize(B& batch) {
    Found found[kGroups];
    F sums[kGroups];
    search(batch, found, sums);
    F scales[kGroups], depths[kGroups], steps[kGroups], bases[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      scales[g] = found[g].scale;
      depths[g] = -found[g].base;
    }
    F step, depth;
    if (batch.has_importance) {
      step = fit_scales<kGroups>(scales, sums, kScaleTop, steps);
      depth = fit_scales<kGroups>(depths, sums, kScaleTop, bases);
    } else {
      step = code_scales<kGroups>(scales, kScaleTop, steps);
      depth = code_scales<kGroups>(depths, kScaleTop, bases);
    }
    const U d = batch.half(step), dmin = batch.half(depth);
    U codes[kSuper];
    for (int g = 0; g < kGroups; ++g)
      code(batch.x + kGroup * g, from_half(d) * steps[g], from_half(dmin) * bases[g], found[g], codes + kGroup * g);
    put(batch, d, dmin, steps, bases, codes);
  }

private:
  static ANNEAL_INLINE void search(B& batch, Found (&found)[kGroups], F (&sums)[kGroups]) {
    const F spread = batch.has_importance ? squares_of<kSuper>(batch.x) / static_cast<float>(kBits == 2 ? kSuper : kSuper / 2) : F{};
    for (int g = 0; g < kGroups; ++g) {
      const F* x = batch.x + kGroup * g;
      F w[kGroup];
      if (batch.has_importance) {
        weigh<kGroup>(batch.importance + kGroup * g, spread, x, w);
        sums[g] = sum_of<kGroup>(w);
        found[g] = fit_above<kGroup, false>(x, w, kTop, kWeightedSteps);
      } else {
        const F usual = kBits == 2 ? F{} : root(squares_of<kGroup>(x) / static_cast<float>(kGroup));
        for (int i = 0; i < kGroup; ++i)
          w[i] = usual + magnitude(x[i]);
        found[g] = fit_above<kGroup, kBits == 2>(x, w, kTop, kSteps);
      }
    }
  }

  // With the step and base as they are stored; a group whose step is zero keeps what was found.
  static ANNEAL_INLINE void code(const F* x, F step, F depth, const Found& found, U* codes) {
    const I zero = step == 0;
    for (int i = 0; i < kGroup; ++i) {
      const F place = zero ? found.inverse * (x[i] - found.origin) : (x[i] + depth) / step;
      codes[i] = whole(nearest_in(place, 0, kTop));
    }
  }

  static ANNEAL_INLINE void put(B& batch, U d, U dmin, const F* steps, const F* bases, const U* codes) {
    if constexpr (kBits == 2) {
      batch.put(0, kGroups, [&](int g) { return whole(steps[g]) | whole(bases[g]) << 4; });
      put_twos(batch, 16, codes);
      batch.put_half(80, d);
      batch.put_half(82, dmin);
    } else {
      batch.put_half(0, d);
      batch.put_half(2, dmin);
      put_pairs(batch, 4, steps, bases);
      if constexpr (kBits == 5)
        put_ones(batch, 16, codes, 4);
      put_fours(batch, kBytes - 128, codes);
    }
  }
};

// Codes around zero for a group of 16, with its step as it is stored; one whose step is zero keeps
// what was found.
ANNEAL_INLINE void code_around(const F* x, F step, float top, const F* kept, U* codes) {
  const I zero = step == 0;
  for (int i = 0; i < 16; ++i)
    codes[i] = whole(zero ? kept[i] : nearest_in(x[i] / step, -top, top - 1) + top);
}

// The codes that a search without a base ended with.
ANNEAL_INLINE void codes_of(const F* x, const Found& found, float top, F* codes) {
  const I zero = found.inverse == 0;
  for (int i = 0; i < 16; ++i)
    codes[i] = zero ? F{} : nearest_in(found.inverse * x[i], -top, top - 1) + top;
}

struct SuperQ3 {
  static constexpr int kValues = kSuper, kBytes = 110, kGroups = 16;
  using B = Batch<kSuper, kBytes>;

  static ANNEAL_INLINE void quantize(B& batch) {
    F scales[kGroups], sums[kGroups], kept[kSuper], steps[kGroups];
    const F spread = batch.has_importance ? squares_of<kSuper>(batch.x) / static_cast<float>(kSuper / 2) : F{};
    for (int g = 0; g < kGroups; ++g) {
      const F* x = batch.x + 16 * g;
      if (batch.has_importance) {
        F w[16];
        weigh<16>(batch.importance + 16 * g, spread, x, w);
        sums[g] = sum_of<16>(w);
        const Found found = fit_around<16>(x, w, 4);
        scales[g] = batch.step(found.scale);
        codes_of(x, found, 4, kept + 16 * g);
      } else {
        scales[g] = batch.step(descend_around<16>(x, 4, kept + 16 * g));
      }
    }
    F step;
    if (batch.has_importance) {
      const Found found = fit_around<kGroups>(scales, sums, 32);
      step = found.scale;
      codes_of(scales, found, 32, steps);
    } else {
      step = code_signed<kGroups>(scales, 32, steps);
      for (int g = 0; g < kGroups; ++g)
        steps[g] += 32;
    }
    const U d = batch.half(step);
    U codes[kSuper];
    for (int g = 0; g < kGroups; ++g)
      code_around(batch.x + 16 * g, from_half(d) * (steps[g] - 32), 4, kept + 16 * g, codes + 16 * g);
    put_ones(batch, 0, codes, 2);
    put_twos(batch, 32, codes);
    put_steps(batch, steps);
    batch.put_half(108, d);
  }

private:
  // 12 bytes: four bits of each step, then the upper two.
  static ANNEAL_INLINE void put_steps(B& batch, const F* steps) {
    batch.put(96, 12, [&](int i) {
      if (i < 8)
        return (whole(steps[i]) & 15) | (whole(steps[i + 8]) & 15) << 4;
      const F* s = steps + i - 8;
      return whole(s[0]) >> 4 | (whole(s[4]) >> 4) << 2 | (whole(s[8]) >> 4) << 4 | (whole(s[12]) >> 4) << 6;
    });
  }
};

struct SuperQ6 {
  static constexpr int kValues = kSuper, kBytes = 210, kGroups = 16;
  using B = Batch<kSuper, kBytes>;

  static ANNEAL_INLINE void quantize(B& batch) {
    F scales[kGroups], kept[kSuper], steps[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      const F* x = batch.x + 16 * g;
      F w[16];
      for (int i = 0; i < 16; ++i)
        w[i] = batch.has_importance ? batch.importance[16 * g + i] : x[i] * x[i];
      const Found found = fit_around<16>(x, w, 32);
      scales[g] = batch.step(found.scale);
      codes_of(x, found, 32, kept + 16 * g);
    }
    const Farthest<kGroups> end(scales);
    const I empty = end.size < kSmallest;
    const F step = code_signed<kGroups>(scales, 128, steps);
    const U d = empty ? U{} : batch.half(empty ? F{} : step);
    U codes[kSuper];
    for (int g = 0; g < kGroups; ++g) {
      steps[g] = empty ? F{} : steps[g];
      for (int i = 0; i < 16; ++i)
        kept[16 * g + i] = empty ? F{} : kept[16 * g + i];
      code_around(batch.x + 16 * g, from_half(d) * steps[g], 32, kept + 16 * g, codes + 16 * g);
    }
    put(batch, d, steps, codes);
  }

private:
  static ANNEAL_INLINE void put(B& batch, U d, const F* steps, const U* codes) {
    for (int half = 0; half < 2; ++half) {
      batch.put(64 * half, 64, [&](int i) {
        const U* c = codes + 128 * half + i;
        return (c[0] & 15) | (c[64] & 15) << 4;
      });
      batch.put(128 + 32 * half, 32, [&](int i) {
        const U* c = codes + 128 * half + i;
        return c[0] >> 4 | (c[32] >> 4) << 2 | (c[64] >> 4) << 4 | (c[96] >> 4) << 6;
      });
    }
    batch.put(192, kGroups, [&](int g) { return whole(steps[g]) & 255; });
    batch.put_half(208, d);
  }
};

} // namespace

} // namespace anneal::gguf::ANNEAL_ISA
