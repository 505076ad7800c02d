// The loops of swiglu.h, compiled once an instruction set.
#include "../simd/math.h"
#include "swiglu.h"

namespace anneal::swiglu::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

template <class V> struct Value {
  V act;
  V slope;
};

template <Activation activation, class V> ANNEAL_INLINE Value<V> activate(V x) {
  using S = decltype(+x[0]);
  if constexpr (activation == Activation::kSilu) {
    const V s = sigmoid(x);
    return {x * s, s * (1 + x * (1 - s))};
  } else if constexpr (activation == Activation::kGeluTanh) {
    // (1 + tanh u) / 2 is sigmoid(2 u), which does not cancel in the left tail.
    constexpr S c = static_cast<S>(1.59576912160573071176); // 2 sqrt(2 / pi)
    constexpr S d = static_cast<S>(0.044715);
    const V s = sigmoid(c * (x + d * x * x * x));
    return {x * s, s + x * s * (1 - s) * (c * (1 + 3 * d * x * x))};
  } else {
    const V phi = normal_cdf(x);
    const V density = exp(static_cast<S>(-0.5) * x * x) * static_cast<S>(0.39894228040143267794);
    return {x * phi, phi + x * density};
  }
}

// body(i, read, write) for every vector of a row.
template <class S, class Body> ANNEAL_INLINE void each_vector(int64_t size, Body body) {
  int64_t i = 0;
  for (; i + kLanes<S> <= size; i += kLanes<S>)
    body(i, [](const auto* p) { return load(p); }, [](auto* p, Vec<S> x) { store(p, x); });
  const int n = static_cast<int>(size - i);
  if (n > 0)
    body(
        i, [n](const auto* p) { return load_part(p, n); },
        [n](auto* p, Vec<S> x) { store_part(p, x, n); });
}

template <class T, Activation activation> void forward(const Gate& g, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t r = begin; r < end; ++r) {
    const T* gate = rows::row<const T>(g.gate, r);
    const T* up = rows::row<const T>(g.up, r);
    T* y = static_cast<T*>(g.y) + r * g.size;
    each_vector<S>(g.size, [&](int64_t i, auto read, auto write) {
      write(y + i, activate<activation, Vec<S>>(read(gate + i)).act * read(up + i));
    });
  }
}

template <class T, Activation activation> void backward(const Gate& g, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t r = begin; r < end; ++r) {
    const T* gate = rows::row<const T>(g.gate, r);
    const T* up = rows::row<const T>(g.up, r);
    const T* grad = rows::row<const T>(g.grad, r);
    T* dgate = static_cast<T*>(g.dgate) + r * g.size;
    T* dup = static_cast<T*>(g.dup) + r * g.size;
    each_vector<S>(g.size, [&](int64_t i, auto read, auto write) {
      const Vec<S> dy = read(grad + i);
      const Value<Vec<S>> a = activate<activation, Vec<S>>(read(gate + i));
      write(dgate + i, dy * read(up + i) * a.slope);
      write(dup + i, dy * a.act);
    });
  }
}

template <Activation activation> const Loops& typed(rows::Element element) {
  static constexpr Loops all[] = {
      {forward<double, activation>, backward<double, activation>},
      {forward<float, activation>, backward<float, activation>},
      {forward<Bf16, activation>, backward<Bf16, activation>},
  };
  return all[static_cast<int>(element)];
}

const Loops& loops(rows::Element element, Activation activation) {
  switch (activation) {
  case Activation::kSilu:
    return typed<Activation::kSilu>(element);
  case Activation::kGeluTanh:
    return typed<Activation::kGeluTanh>(element);
  default:
    return typed<Activation::kGelu>(element);
  }
}

} // namespace anneal::swiglu::ANNEAL_ISA
