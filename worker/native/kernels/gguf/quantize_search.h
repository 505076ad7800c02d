// Searches for the step, and where there is one the base, with which whole numbers describe N
// values best: weighted squared (or absolute) error, tried at a row of slightly wider and narrower
// steps.
//
// With codes l_i fixed, the step s and base b that minimise sum w (s l + b - x)^2 solve two linear
// equations: s = (W Slx - Sx Sl) / D, b = (Sll Sx - Sl Slx) / D, D = W Sll - Sl^2, where W = sum w,
// Sx = sum w x, Sl = sum w l, and so on. Without a base s = Slx / Sll, and its gain is Slx^2 / Sll.
#pragma once

#include "quantize_lanes.h"

namespace anneal::gguf::ANNEAL_ISA {

namespace {

constexpr float kSmallest = 1e-15f; // groups below are zero

// Codes are nearest((x - base) * inverse), within their range.
struct Found {
  F scale, base, inverse, origin;
};

struct Steps {
  float first, apart;
  int count;
};
constexpr Steps kWeightedSteps = {-0.9f, 0.05f, 37};

template <int N> struct Ends {
  F low, high, sum, weighted;
  ANNEAL_INLINE Ends(const F* x, const F* w) : low(x[0]), high(x[0]), sum(w[0]), weighted(w[0] * x[0]) {
    for (int i = 1; i < N; ++i) {
      low = smaller(x[i], low);
      high = larger(x[i], high);
      sum += w[i];
      weighted += w[i] * x[i];
    }
    low = smaller(F{}, low);
  }
};

template <bool Absolute> ANNEAL_INLINE F loss(F difference) {
  return Absolute ? magnitude(difference) : difference * difference;
}

// Codes 0 to `top` above a base that is not positive.
template <int N, bool Absolute> Found fit_above(const F* x, const F* w, float top, Steps steps) {
  const Ends<N> ends(x, w);
  const I flat = ends.high <= ends.low;
  const F first = top / (ends.high - ends.low);
  Found best = {1.0f / first, ends.low, first, ends.low};
  F least = {};
  for (int i = 0; i < N; ++i) {
    const F l = nearest_in(best.inverse * (x[i] - best.base), 0, top);
    least += w[i] * loss<Absolute>(best.scale * l + best.base - x[i]);
  }
  for (int step = 0; step < steps.count; ++step) {
    const F base = best.base;
    const F inverse = (steps.first + steps.apart * static_cast<float>(step) + top) / (ends.high - base);
    F codes[N];
    F sum = {}, squares = {}, products = {};
    for (int i = 0; i < N; ++i) {
      const F l = nearest_in(inverse * (x[i] - base), 0, top);
      codes[i] = l;
      const F weighted = w[i] * l;
      sum += weighted;
      squares += weighted * l;
      products += weighted * x[i];
    }
    const F determinant = ends.sum * squares - sum * sum;
    F scale = (ends.sum * products - ends.weighted * sum) / determinant;
    F origin = (squares * ends.weighted - sum * products) / determinant;
    const I positive = origin > 0;
    scale = positive ? products / squares : scale;
    origin = positive ? F{} : origin;
    F error = {};
    for (int i = 0; i < N; ++i)
      error += w[i] * loss<Absolute>(scale * codes[i] + origin - x[i]);
    const I better = (determinant > 0) & (error < least);
    least = better ? error : least;
    best.scale = better ? scale : best.scale;
    best.base = better ? origin : best.base;
    best.inverse = better ? inverse : best.inverse;
    best.origin = better ? base : best.origin;
  }
  return {flat ? F{} : best.scale, flat ? ends.low : best.base, flat ? F{} : best.inverse,
          flat ? F{} : best.origin};
}

// The value farthest from zero.
template <int N> struct Farthest {
  F value = {}, size = {};
  ANNEAL_INLINE explicit Farthest(const F* x) {
    for (int i = 0; i < N; ++i) {
      const F a = magnitude(x[i]);
      const I farther = a > size;
      size = farther ? a : size;
      value = farther ? x[i] : value;
    }
  }
};

// Codes -top to top - 1 without a base.
template <int N> Found fit_around(const F* x, const F* w, float top) {
  const Farthest<N> end(x);
  const auto sums = [&](F inverse, F& products, F& squares) {
    products = squares = F{};
    for (int i = 0; i < N; ++i) {
      const F l = nearest_in(inverse * x[i], -top, top - 1);
      products += w[i] * x[i] * l;
      squares += w[i] * l * l;
    }
  };
  Found best = {};
  best.inverse = -top / end.value;
  F products, squares;
  sums(best.inverse, products, squares);
  best.scale = squares != 0 ? products / squares : F{};
  F gain = best.scale * products;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0)
      continue;
    const F inverse = -(top + 0.1f * static_cast<float>(step)) / end.value;
    sums(inverse, products, squares);
    const I better = (squares > 0) & (products * products > gain * squares);
    const F scale = products / squares;
    best.scale = better ? scale : best.scale;
    gain = better ? scale * products : gain;
    best.inverse = better ? inverse : best.inverse;
  }
  const I zero = end.size < kSmallest;
  best.scale = zero ? F{} : best.scale;
  best.inverse = zero ? F{} : best.inverse;
  return best;
}

// Moves one code after the other to where the gain is largest, at most five times; weights by x^2.
// Lanes whose codes stay do not change in further passes.
template <int N> F descend_around(const F* x, float top, F* codes) {
  const Farthest<N> end(x);
  const F inverse = -top / end.value;
  F products = {}, squares = {};
  for (int i = 0; i < N; ++i) {
    codes[i] = nearest_in(inverse * x[i], -top, top - 1);
    const F w = x[i] * x[i];
    products += w * x[i] * codes[i];
    squares += w * codes[i] * codes[i];
  }
  for (int pass = 0; pass < 5; ++pass) {
    I changed = {};
    for (int i = 0; i < N; ++i) {
      const F w = x[i] * x[i];
      F others = products - w * x[i] * codes[i];
      F otherSquares = squares - w * codes[i] * codes[i];
      const F code = nearest_in(x[i] * otherSquares / others, -top, top - 1);
      I better = (others > 0) & (code != codes[i]);
      others += w * x[i] * code;
      otherSquares += w * code * code;
      better &= (otherSquares > 0) & (others * others * squares > products * products * otherSquares);
      codes[i] = better ? code : codes[i];
      products = better ? others : products;
      squares = better ? otherSquares : squares;
      changed |= better;
    }
    if (!any(changed))
      break;
  }
  const I zero = end.size < kSmallest;
  for (int i = 0; i < N; ++i)
    codes[i] = zero ? F{} : codes[i] + top;
  return zero | (squares <= 0) ? F{} : products / squares;
}

// Steps of groups, none of them negative, as codes 0 to `top` of a step of steps, weighted by w.
template <int N> F fit_scales(const F* x, const F* w, float top, F* codes) {
  F end = {};
  for (int i = 0; i < N; ++i)
    end = larger(x[i], end);
  F inverse = top / end;
  const auto error = [&](F tried) {
    const F scale = 1.0f / tried;
    F sum = {};
    for (int i = 0; i < N; ++i) {
      const F difference = x[i] - scale * nearest_in(tried * x[i], 0, top);
      sum += w[i] * difference * difference;
    }
    return sum;
  };
  F least = error(inverse);
  for (int step = -4; step <= 4; ++step) {
    if (step == 0)
      continue;
    const F tried = (0.1f * static_cast<float>(step) + top) / end;
    const F found = error(tried);
    const I better = found < least;
    least = better ? found : least;
    inverse = better ? tried : inverse;
  }
  F products = {}, squares = {};
  for (int i = 0; i < N; ++i) {
    codes[i] = nearest_in(inverse * x[i], 0, top);
    products += w[i] * x[i] * codes[i];
    squares += w[i] * codes[i] * codes[i];
  }
  for (int pass = 0; pass < 5; ++pass) {
    I changed = {};
    for (int i = 0; i < N; ++i) {
      F others = products - w[i] * x[i] * codes[i];
      F otherSquares = squares - w[i] * codes[i] * codes[i];
      const F code = nearest_in(x[i] * otherSquares / others, 0, top);
      I better = (others > 0) & (otherSquares > 0) & (code != codes[i]);
      others += w[i] * x[i] * code;
      otherSquares += w[i] * code * code;
      better &= others * others * squares > products * products * otherSquares;
      codes[i] = better ? code : codes[i];
      products = better ? others : products;
      squares = better ? otherSquares : squares;
      changed |= better;
    }
    if (!any(changed))
      break;
  }
  const I zero = end < kSmallest;
  for (int i = 0; i < N; ++i)
    codes[i] = zero ? F{} : codes[i];
  return zero | (squares <= 0) ? F{} : products / squares;
}

} // namespace

} // namespace anneal::gguf::ANNEAL_ISA
