// The loops of distil.h, compiled once an instruction set.
#include "../simd/math.h"
#include "../simd/simd.h"
#include "distil.h"

namespace anneal::distil::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

namespace {

constexpr int kWidth = kLanes<float>;
// Columns whose sum is in float32.
constexpr int64_t kSpan = 96;

// body(vector) for every vector of a row; lanes beyond the row read as `fill`.
template <class Body>
ANNEAL_INLINE void each(const float* z, int64_t columns, float fill, Body body) {
  int64_t i = 0;
  for (; i + kWidth <= columns; i += kWidth) body(i, load(z + i), kWidth);
  const int rest = static_cast<int>(columns - i);
  if (rest == 0) return;
  float lanes[kWidth];
  for (int lane = 0; lane < kWidth; ++lane) lanes[lane] = lane < rest ? z[i + lane] : fill;
  body(i, load(lanes), rest);
}

ANNEAL_INLINE void put(float* at, F x, int lanes) {
  if (lanes == kWidth) store(at, x);
  else store_part(at, x, lanes);
}

void capped(float* z, int64_t columns, float cap) {
  if (cap <= 0) return;
  const float inverse = 1 / cap;
  each(z, columns, 0, [&](int64_t i, F u, int lanes) { put(z + i, cap * tanh(u * inverse), lanes); });
}

// A NaN may be lost here; the sum of exponentials has it.
float largest(const float* z, int64_t columns) {
  F best = splat(-__builtin_inff());
  each(z, columns, -__builtin_inff(), [&](int64_t, F x, int) { best = larger(x, best); });
  float lanes[kWidth];
  store(lanes, best);
  float one = lanes[0];
  for (int i = 1; i < kWidth; ++i) one = lanes[i] > one ? lanes[i] : one;
  return one;
}

double sum_of(const float* z, int64_t columns, float from, float by) {
  const F shift = splat(from), times = splat(by);
  double all = 0;
  for (int64_t first = 0; first < columns; first += kSpan) {
    const int64_t rest = columns - first;
    F span = splat(0.0f);
    each(z + first, rest < kSpan ? rest : kSpan, -__builtin_inff(),
         [&](int64_t, F x, int) { span += exp((x - shift) * times); });
    all += sum(span);
  }
  return all;
}

void mixed(float* z, int64_t columns, const Mixture& m) {
  const F a = splat(m.a), lse = splat(m.lse), b = splat(m.b), rest = splat(m.rest), by = splat(m.by);
  const float inverse = m.cap > 0 ? 1 / m.cap : 0;
  each(z, columns, 0, [&](int64_t i, F x, int lanes) {
    F g = b * exp((x - rest) * by);
    if (m.a != 0) g = fma(exp(x - lse), a, g);
    const F t = x * inverse;
    put(z + i, m.cap > 0 ? g * (1.0f - t * t) : g, lanes);
  });
}

}  // namespace

extern const Loops loops = {capped, largest, sum_of, mixed};

}  // namespace anneal::distil::ANNEAL_ISA
