// CUDA entry of swiglu: one thread an element.

#include <torch/library.h>

#include "../device.cuh"
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

template <class T>
__global__ void forward_kernel(Gate g, Activation activation, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t index = first_index(); index < count * g.size; index += index_stride()) {
    const int64_t r = index / g.size;
    const int64_t i = index % g.size;
    const S gate = load(rows::row<const T>(g.gate, r)[i]);
    const S up = load(rows::row<const T>(g.up, r)[i]);
    store(static_cast<T*>(g.y)[index], activate(gate, activation).act * up);
  }
}

template <class T>
__global__ void backward_kernel(Gate g, Activation activation, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t index = first_index(); index < count * g.size; index += index_stride()) {
    const int64_t r = index / g.size;
    const int64_t i = index % g.size;
    const S gate = load(rows::row<const T>(g.gate, r)[i]);
    const S up = load(rows::row<const T>(g.up, r)[i]);
    const S dy = load(rows::row<const T>(g.grad, r)[i]);
    const Value<S> a = activate(gate, activation);
    store(static_cast<T*>(g.dgate)[index], dy * up * a.slope);
    store(static_cast<T*>(g.dup)[index], dy * a.act);
  }
}

at::Tensor forward(const at::Tensor& gate, const at::Tensor& up, int64_t activation) {
  const c10::cuda::CUDAGuard guard(gate.device());
  const Arguments a = forward_arguments(gate, up, activation);
  if (a.count == 0) return a.y;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const unsigned blocks = blocks_for(gate.numel(), kThreads);
  with_element(a.element, [&](auto type) {
    forward_kernel<typename decltype(type)::Type>
        <<<blocks, kThreads, 0, stream>>>(a.gate, a.activation, a.count);
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
  const unsigned blocks = blocks_for(gate.numel(), kThreads);
  with_element(a.element, [&](auto type) {
    backward_kernel<typename decltype(type)::Type>
        <<<blocks, kThreads, 0, stream>>>(a.gate, a.activation, a.count);
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
