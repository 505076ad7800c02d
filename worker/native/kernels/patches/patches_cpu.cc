// CPU entry of patches: threads, and loops that the compiler unrolls for windows of 3 x 3.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "../bfloat16.h"
#include "patches_arguments.h"

namespace anneal::patches {

namespace {

using at::Tensor;

struct Bf16 {
  uint16_t bits;
};
inline double wide(double value) { return value; }
inline float wide(float value) { return value; }
inline float wide(Bf16 value) { return from_bfloat16(value.bits); }
inline void store(double& place, double value) { place = value; }
inline void store(float& place, float value) { place = value; }
inline void store(Bf16& place, float value) { place.bits = to_bfloat16(value); }

// kArea: kernel * kernel where it is known, else 0.
template <class T, int kArea>
void gather(const T* x, T* y, const Grid& g, int64_t begin, int64_t end) {
  const int64_t half = g.kernel / 2, area = kArea > 0 ? kArea : g.kernel * g.kernel;
  const std::vector<T> outside(static_cast<size_t>(g.channels), T{});
  std::vector<const T*> from(static_cast<size_t>(area));
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t w = 0; w < area; ++w) {
      const int64_t row = moved(g, r, w / g.kernel - half, w % g.kernel - half);
      from[w] = row < 0 ? outside.data() : x + row * g.channels;
    }
    T* to = y + r * g.channels * area;
    for (int64_t c = 0; c < g.channels; ++c)
      for (int64_t w = 0; w < area; ++w)
        *to++ = from[w][c];
  }
}

template <class T, int kArea>
void scatter(const T* grad, T* dx, const Grid& g, int64_t begin, int64_t end) {
  using S = decltype(wide(T{}));
  const int64_t half = g.kernel / 2, area = kArea > 0 ? kArea : g.kernel * g.kernel;
  std::vector<S> sums(static_cast<size_t>(g.channels));
  for (int64_t r = begin; r < end; ++r) {
    std::fill(sums.begin(), sums.end(), S{0});
    for (int64_t w = 0; w < area; ++w) {
      const int64_t row = moved(g, r, half - w / g.kernel, half - w % g.kernel);
      if (row < 0) continue;
      const T* from = grad + row * g.channels * area + w;
      for (int64_t c = 0; c < g.channels; ++c)
        sums[c] += wide(from[c * area]);
    }
    for (int64_t c = 0; c < g.channels; ++c)
      store(dx[r * g.channels + c], sums[c]);
  }
}

template <class Body> void each_pixel(const Tensor& x, int64_t columns, const Body& body) {
  at::parallel_for(0, x.size(0), rows::grain(columns), body);
}

// body(T{}) for the type of the values.
template <class Body> void with_type(const Tensor& x, const Body& body) {
  switch (rows::element_of(x, "x")) {
  case rows::Element::kFloat64:
    return body(double{});
  case rows::Element::kFloat32:
    return body(float{});
  default:
    return body(Bf16{});
  }
}

template <class T> const T* read(const Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}
template <class T> T* write(const Tensor& x) { return static_cast<T*>(x.mutable_data_ptr()); }

Tensor patches(const Tensor& x_in, int64_t height, int64_t width, int64_t kernel) {
  const Grid g = check_arguments(x_in, height, width, kernel, false);
  const Tensor x = x_in.contiguous();
  const int64_t columns = g.channels * kernel * kernel;
  const Tensor y = at::empty({x.size(0), columns}, x.options());
  with_type(x, [&](auto value) {
    using T = decltype(value);
    const auto loop = kernel == 3 ? gather<T, 9> : gather<T, 0>;
    each_pixel(x, columns, [&](int64_t begin, int64_t end) {
      loop(read<T>(x), write<T>(y), g, begin, end);
    });
  });
  return y;
}

Tensor patches_backward(const Tensor& grad_in, int64_t height, int64_t width, int64_t kernel) {
  const Grid g = check_arguments(grad_in, height, width, kernel, true);
  const Tensor grad = grad_in.contiguous();
  const Tensor dx = at::empty({grad.size(0), g.channels}, grad.options());
  with_type(grad, [&](auto value) {
    using T = decltype(value);
    const auto loop = kernel == 3 ? scatter<T, 9> : scatter<T, 0>;
    each_pixel(grad, grad.size(1), [&](int64_t begin, int64_t end) {
      loop(read<T>(grad), write<T>(dx), g, begin, end);
    });
  });
  return dx;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_patches", TORCH_FN(patches));
  m.impl("_patches_backward", TORCH_FN(patches_backward));
}

} // namespace anneal::patches
