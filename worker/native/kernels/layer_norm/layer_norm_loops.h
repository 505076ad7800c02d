// The loops of layer_norm.h, compiled once an instruction set. A row is read three times, from the
// first-level cache after the first.
#include "../simd/each_vector.h"
#include "layer_norm.h"

namespace anneal::layer_norm::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

// Sum of body(i, n) over the vectors of a row; four sums at once hide the latency of the addition.
template <class S, class Body> ANNEAL_INLINE S sum_of(int64_t size, Body body) {
  Vec<S> sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes<S> <= size; i += 4 * kLanes<S>)
    for (int j = 0; j < 4; ++j)
      sums[j] += body(i + j * kLanes<S>, kLanes<S>);
  each_vector<S>(size - i, [&](int64_t j, int n) { sums[0] += body(i + j, n); });
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class T> void forward(const Forward& f, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(f.weight);
  const S* bias = static_cast<const S*>(f.bias);
  const S size = static_cast<S>(f.size);
  for (int64_t r = begin; r < end; ++r) {
    const T* x = rows::row<const T>(f.x, r);
    T* y = static_cast<T*>(f.y) + r * f.size;
    const S mean = sum_of<S>(f.size, [&](int64_t i, int n) { return read(x + i, n); }) / size;
    const S squares = sum_of<S>(f.size, [&](int64_t i, int n) {
      Vec<S> off = read(x + i, n) - mean;
      for (int lane = n; lane < kLanes<S>; ++lane)
        off[lane] = 0;
      return off * off;
    });
    const S rstd = 1 / static_cast<S>(__builtin_sqrt(squares / size + static_cast<S>(f.eps)));
    static_cast<S*>(f.mean)[r] = mean;
    static_cast<S*>(f.rstd)[r] = rstd;
    each_vector<S>(f.size, [&](int64_t i, int n) {
      const Vec<S> normal = (read(x + i, n) - mean) * rstd;
      write(y + i, fma(normal, read(weight + i, n), read(bias + i, n)), n);
    });
  }
}

template <class T> void backward(const Backward& b, void* sums, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(b.weight);
  S* dweight = static_cast<S*>(sums);
  S* dbias = sums == nullptr ? nullptr : dweight + b.size;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = rows::row<const T>(b.x, r);
    const T* grad = rows::row<const T>(b.grad, r);
    T* dx = static_cast<T*>(b.dx) + r * b.size;
    const S mean = static_cast<const S*>(b.mean)[r];
    const S rstd = static_cast<const S*>(b.rstd)[r];
    Vec<S> totals = {}, dots = {};
    each_vector<S>(b.size, [&](int64_t i, int n) {
      const Vec<S> normal = (read(x + i, n) - mean) * rstd;
      const Vec<S> dy = read(grad + i, n);
      const Vec<S> g = dy * read(weight + i, n);
      totals += g;
      dots = fma(g, normal, dots);
      if (sums == nullptr)
        return;
      write(dweight + i, fma(dy, normal, read(dweight + i, n)), n);
      write(dbias + i, dy + read(dbias + i, n), n);
    });
    const S total = sum(totals) / static_cast<S>(b.size);
    const S dot = sum(dots) / static_cast<S>(b.size);
    each_vector<S>(b.size, [&](int64_t i, int n) {
      const Vec<S> normal = (read(x + i, n) - mean) * rstd;
      const Vec<S> g = read(grad + i, n) * read(weight + i, n);
      write(dx + i, (g - total - normal * dot) * rstd, n);
    });
  }
}

const Loops& loops(rows::Element element) {
  static constexpr Loops all[] = {
      {forward<double>, backward<double>},
      {forward<float>, backward<float>},
      {forward<Bf16>, backward<Bf16>},
  };
  return all[static_cast<int>(element)];
}

} // namespace anneal::layer_norm::ANNEAL_ISA
