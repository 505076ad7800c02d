// A row of any size by vectors, the last of which may be a part.
#pragma once

#include "simd.h"

namespace anneal::simd::ANNEAL_ISA {

// body(i, n): lanes [i, i + n), whole vectors first.
template <class S, class Body> ANNEAL_INLINE void each_vector(int64_t size, Body body) {
  int64_t i = 0;
  for (; i + kLanes<S> <= size; i += kLanes<S>)
    body(i, kLanes<S>);
  if (i < size)
    body(i, static_cast<int>(size - i));
}
// n values; lanes behind them are 0.
template <class T> ANNEAL_INLINE auto read(const T* p, int n) {
  return n == kLanes<typename Arithmetic<T>::Type> ? load(p) : load_part(p, n);
}
template <class T, class V> ANNEAL_INLINE void write(T* p, V x, int n) {
  n == static_cast<int>(sizeof(x) / sizeof(x[0])) ? store(p, x) : store_part(p, x, n);
}

} // namespace anneal::simd::ANNEAL_ISA
