// The loop of rope.h, compiled once an instruction set. Rows of one token share its angles; `from`
// and `to` may be the same memory, as both halves are read before either is written.
#include "../simd/simd.h"
#include "rope.h"

namespace anneal::rope::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

template <class T, class S>
ANNEAL_INLINE void turn_pairs(const T* x, T* y, const S* cos, const S* sin, int64_t half, S sign,
                              int64_t i, int n) {
  const bool whole = n == kLanes<S>;
  const auto read = [&](const auto* p) { return whole ? load(p) : load_part(p, n); };
  const Vec<S> low = read(x + i), high = read(x + half + i);
  const Vec<S> c = read(cos + i), s = read(sin + i) * sign;
  const Vec<S> first = low * c - high * s;
  const Vec<S> second = high * c + low * s;
  if (whole) {
    store(y + i, first);
    store(y + half + i, second);
  } else {
    store_part(y + i, first, n);
    store_part(y + half + i, second, n);
  }
}

template <class T> void turn_rows(const Turn& t, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  const S sign = t.inverse ? -1 : 1;
  const int64_t whole = t.pairs / kLanes<S> * kLanes<S>;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = rows::row<const T>(t.from, r);
    T* y = rows::row<T>(t.to, r);
    const S* cos = static_cast<const S*>(t.cos) + r / t.from.inner * t.pairs;
    const S* sin = static_cast<const S*>(t.sin) + r / t.from.inner * t.pairs;
    for (int64_t i = 0; i < whole; i += kLanes<S>)
      turn_pairs(x, y, cos, sin, t.pairs, sign, i, kLanes<S>);
    if (whole < t.pairs)
      turn_pairs(x, y, cos, sin, t.pairs, sign, whole, static_cast<int>(t.pairs - whole));
    if (x != y && 2 * t.pairs < t.size)
      memcpy(y + 2 * t.pairs, x + 2 * t.pairs, (t.size - 2 * t.pairs) * sizeof(T));
  }
}

Loop loop(rows::Element element) {
  static constexpr Loop all[] = {turn_rows<double>, turn_rows<float>, turn_rows<Bf16>};
  return all[static_cast<int>(element)];
}

} // namespace anneal::rope::ANNEAL_ISA
