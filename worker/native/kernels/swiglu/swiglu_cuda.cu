// CUDA entry of swiglu: one thread some neighbours of a row.

#include <torch/library.h>

#include "../device.cuh"
#include "../rows/packed_rows.cuh"
#include "swiglu_arguments.h"

namespace anneal::swiglu {

namespace {

using namespace device;

template <class S> struct Value {
  S act;
  S slope;
};

template <class S> __device__ Value<S> activate(S x, Activation activation) {
  if (activation == Activation::kGelu) {
    const S phi = static_cast<S>(0.5) * erfc(x * static_cast<S>(-0.70710678118654752440));
    const S density = exp(static_cast<S>(-0.5) * x * x) * static_cast<S>(0.39894228040143267794);
    return {x * phi, phi + x * density};
  }
  // (1 + tanh u) / 2 is sigmoid(2 u), which does not cancel in the left tail.
  constexpr S c = static_cast<S>(1.59576912160573071176); // 2 sqrt(2 / pi)
  constexpr S d = static_cast<S>(0.044715);
  const bool gelu = activation == Activation::kGeluTanh;
  const S u = gelu ? c * (x + d * x * x * x) : x;
  const S inner_slope = gelu ? c * (1 + 3 * d * x * x) : 1;
  const S s = 1 / (1 + exp(-u));
  return {x * s, s + x * s * (1 - s) * inner_slope};
}

// body(row, first of its neighbours, how many there are) for all rows, kPack<T> at a time.
template <class T> constexpr int kPack = pack_of<T>();
template <class T, class Body> __device__ void each_piece(int64_t size, int64_t count, Body body) {
  const int64_t pieces = (size + kPack<T> - 1) / kPack<T>;
  for (int64_t piece = first_index(); piece < count * pieces; piece += index_stride()) {
    const int64_t i = piece % pieces * kPack<T>;
    body(piece / pieces, i, size - i);
  }
}

template <class T>
__global__ void forward_kernel(Gate g, Activation activation, int64_t count, bool aligned) {
  each_piece<T>(g.size, count, [&](int64_t r, int64_t i, int64_t left) {
    const auto gate = read_pack<kPack<T>>(rows::row<const T>(g.gate, r) + i, left, aligned);
    const auto up = read_pack<kPack<T>>(rows::row<const T>(g.up, r) + i, left, aligned);
    Pack<T, kPack<T>> y;
    for (int j = 0; j < kPack<T>; ++j)
      store(y.at[j], activate(load(gate.at[j]), activation).act * load(up.at[j]));
    write_pack(static_cast<T*>(g.y) + r * g.size + i, y, left, aligned);
  });
}

template <class T>
__global__ void backward_kernel(Gate g, Activation activation, int64_t count, bool aligned) {
  each_piece<T>(g.size, count, [&](int64_t r, int64_t i, int64_t left) {
    const auto gate = read_pack<kPack<T>>(rows::row<const T>(g.gate, r) + i, left, aligned);
    const auto up = read_pack<kPack<T>>(rows::row<const T>(g.up, r) + i, left, aligned);
    const auto grad = read_pack<kPack<T>>(rows::row<const T>(g.grad, r) + i, left, aligned);
    Pack<T, kPack<T>> dgate, dup;
    for (int j = 0; j < kPack<T>; ++j) {
      const auto a = activate(load(gate.at[j]), activation);
      const auto dy = load(grad.at[j]);
      store(dgate.at[j], dy * load(up.at[j]) * a.slope);
      store(dup.at[j], dy * a.act);
    }
    write_pack(static_cast<T*>(g.dgate) + r * g.size + i, dgate, left, aligned);
    write_pack(static_cast<T*>(g.dup) + r * g.size + i, dup, left, aligned);
  });
}

// Whether all arrays of the rows may be read and written in packs of n; those that are not there
// may.
bool are_packed(const Gate& g, int n) {
  return rows::are_packed(g.gate, g.size, n) && rows::are_packed(g.up, g.size, n) &&
         rows::are_packed(g.grad, g.size, n) && are_aligned({g.y, g.dgate, g.dup});
}

unsigned blocks_of(const Arguments& a, int n) {
  return blocks_for(a.count * ((a.gate.size + n - 1) / n), kThreads);
}

at::Tensor forward(const at::Tensor& gate, const at::Tensor& up, int64_t activation) {
  const c10::cuda::CUDAGuard guard(gate.device());
  const Arguments a = forward_arguments(gate, up, activation);
  if (a.count == 0) return a.y;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_element(a.element, [&](auto type) {
    using T = typename decltype(type)::Type;
    forward_kernel<T><<<blocks_of(a, kPack<T>), kThreads, 0, stream>>>(
        a.gate, a.activation, a.count, are_packed(a.gate, kPack<T>));
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return a.y;
}

std::tuple<at::Tensor, at::Tensor> backward(const at::Tensor& grad, const at::Tensor& gate,
                                            const at::Tensor& up, int64_t activation) {
  const c10::cuda::CUDAGuard guard(gate.device());
  const Arguments a = backward_arguments(grad, gate, up, activation);
  if (a.count == 0) return {a.dgate, a.dup};
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_element(a.element, [&](auto type) {
    using T = typename decltype(type)::Type;
    backward_kernel<T><<<blocks_of(a, kPack<T>), kThreads, 0, stream>>>(
        a.gate, a.activation, a.count, are_packed(a.gate, kPack<T>));
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {a.dgate, a.dup};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("_swiglu_forward", TORCH_FN(forward));
  m.impl("_swiglu_backward", TORCH_FN(backward));
}

} // namespace anneal::swiglu
