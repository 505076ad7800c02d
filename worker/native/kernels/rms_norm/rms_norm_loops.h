// The loops of rms_norm.h, compiled once an instruction set. A row is read twice; the second time
// it comes from the first-level cache.
#include "../simd/each_vector.h"
#include "rms_norm.h"

namespace anneal::rms_norm::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

// Four sums at once hide the latency of the addition.
template <class T, class S = typename Arithmetic<T>::Type>
ANNEAL_INLINE S sum_of_squares(const T* x, int64_t size) {
  Vec<S> sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes<S> <= size; i += 4 * kLanes<S>)
    for (int j = 0; j < 4; ++j) {
      const Vec<S> v = load(x + i + j * kLanes<S>);
      sums[j] = fma(v, v, sums[j]);
    }
  each_vector<S>(size - i, [&](int64_t j, int n) {
    const Vec<S> v = read(x + i + j, n);
    sums[0] = fma(v, v, sums[0]);
  });
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class T> void forward(const Forward& f, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(f.weight);
  const S offset = static_cast<S>(f.offset);
  const bool llama = f.offset == 0;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = rows::row<const T>(f.x, r);
    T* y = static_cast<T*>(f.y) + r * f.size;
    const S mean = sum_of_squares(x, f.size) / static_cast<S>(f.size);
    const S rstd = 1 / static_cast<S>(__builtin_sqrt(mean + static_cast<S>(f.eps)));
    static_cast<S*>(f.rstd)[r] = rstd;
    each_vector<S>(f.size, [&](int64_t i, int n) {
      const Vec<S> normal = read(x + i, n) * rstd;
      const Vec<S> w = read(weight + i, n);
      write(y + i, llama ? rounded<T>(normal) * w : normal * (w + offset), n);
    });
  }
}

template <class T> void backward(const Backward& b, void* dweight_, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  const S* weight = static_cast<const S*>(b.weight);
  const S offset = static_cast<S>(b.offset);
  const bool llama = b.offset == 0;
  S* dweight = static_cast<S*>(dweight_);
  for (int64_t r = begin; r < end; ++r) {
    const T* x = rows::row<const T>(b.x, r);
    const T* grad = rows::row<const T>(b.grad, r);
    T* dx = static_cast<T*>(b.dx) + r * b.size;
    const S rstd = static_cast<const S*>(b.rstd)[r];
    Vec<S> dots = {};
    each_vector<S>(b.size, [&](int64_t i, int n) {
      const Vec<S> normal = read(x + i, n) * rstd;
      const Vec<S> dy = read(grad + i, n);
      dots = fma(dy * (read(weight + i, n) + offset), normal, dots);
      if (dweight != nullptr)
        write(dweight + i, fma(dy, llama ? rounded<T>(normal) : normal, read(dweight + i, n)), n);
    });
    const S mean = sum(dots) / static_cast<S>(b.size);
    each_vector<S>(b.size, [&](int64_t i, int n) {
      const Vec<S> normal = read(x + i, n) * rstd;
      const Vec<S> g = read(grad + i, n) * (read(weight + i, n) + offset);
      write(dx + i, (g - normal * mean) * rstd, n);
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

} // namespace anneal::rms_norm::ANNEAL_ISA
