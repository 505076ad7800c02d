// The loops of head.h, compiled once an instruction set.
#include "../simd/math.h"
#include "../simd/simd.h"
#include "head.h"

namespace anneal::head::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

namespace {

constexpr int kWidth = kLanes<float>;

// body(p, vector, lanes) for every vector of a row; lanes beyond the row read as `fill`. Returns
// what body wants stored.
template <class Body>
ANNEAL_INLINE void each(float* z, int64_t columns, float fill, Body body) {
  int64_t i = 0;
  for (; i + kWidth <= columns; i += kWidth) store(z + i, body(load(z + i)));
  const int rest = static_cast<int>(columns - i);
  if (rest == 0) return;
  float lanes[kWidth];
  for (int lane = 0; lane < kWidth; ++lane) lanes[lane] = lane < rest ? z[i + lane] : fill;
  store_part(z + i, body(load(lanes)), rest);
}

float largest_of(F x) {
  float lanes[kWidth];
  store(lanes, x);
  float best = lanes[0];
  for (int i = 1; i < kWidth; ++i) best = lanes[i] > best || lanes[i] != lanes[i] ? lanes[i] : best;
  return best;
}

void strip(float* z, int64_t columns, float scale, float cap, bool keep, bool total, int64_t label, Part* part,
           float* label_logit) {
  if (cap > 0) {
    const float inner = scale / cap;
    each(z, columns, 0, [&](F u) { return cap * tanh(u * inner); });
  } else if (scale != 1) {
    each(z, columns, 0, [&](F u) { return u * scale; });
  }
  if (label >= 0) *label_logit = z[label];
  // A NaN must reach the loss: the maximum may lose it, the sum of exponentials does not.
  F best = splat(-__builtin_inff());
  each(z, columns, -__builtin_inff(), [&](F x) {
    best = larger(x, best);
    return x;
  });
  part->largest = largest_of(best);
  part->total = 0;
  if (total) {
    F all = splat(0.0f);
    each(z, columns, 0, [&](F x) {
      all += x;
      return x;
    });
    part->total = sum(all);
  }
  const F shift = splat(part->largest);
  F exponentials = splat(0.0f);
  const bool stores = keep && cap <= 0;
  each(z, columns, -__builtin_inff(), [&](F x) {
    const F e = exp(x - shift);
    exponentials += e;
    return stores ? e : x;
  });
  part->sum = sum(exponentials);
}

void from_exponentials(float* z, int64_t columns, float factor, float shift) {
  const F by = splat(factor), plus = splat(shift);
  each(z, columns, 0, [&](F e) { return fma(e, by, plus); });
}

void from_capped(float* z, int64_t columns, float lse, float factor, float shift, float cap) {
  const F by = splat(factor), plus = splat(shift);
  const float inverse = 1 / cap;
  each(z, columns, 0, [&](F x) {
    const F t = x * inverse;
    return fma(exp(x - lse), by, plus) * (1.0f - t * t);
  });
}

}  // namespace

extern const Loops loops = {strip, from_exponentials, from_capped};

}  // namespace anneal::head::ANNEAL_ISA
