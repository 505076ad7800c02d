// CUDA entry of rope: one thread a pair, and one a value that passes through.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "rope_arguments.h"

namespace anneal::rope {

namespace {

using namespace device;

template <class T> __global__ void turn_kernel(Turn t, int64_t count) {
  using S = typename Arithmetic<T>::Type;
  const int64_t width = t.size - t.pairs; // pairs, then what passes through
  const S sign = t.inverse ? -1 : 1;
  for (int64_t index = first_index(); index < count * width; index += index_stride()) {
    const int64_t r = index / width;
    const int64_t i = index % width;
    const T* x = rows::row<const T>(t.from, r);
    T* y = rows::row<T>(t.to, r);
    if (i >= t.pairs) {
      y[t.pairs + i] = x[t.pairs + i];
      continue;
    }
    const int64_t angle = r / t.from.inner * t.pairs + i;
    const S cos = static_cast<const S*>(t.cos)[angle];
    const S sin = static_cast<const S*>(t.sin)[angle] * sign;
    const S low = load(x[i]);
    const S high = load(x[t.pairs + i]);
    store(y[i], low * cos - high * sin);
    store(y[t.pairs + i], high * cos + low * sin);
  }
}

at::Tensor rope(const at::Tensor& x_in, const at::Tensor& cos, const at::Tensor& sin,
                bool inverse) {
  const c10::cuda::CUDAGuard guard(x_in.device());
  const at::Tensor x = rows::dense_rows(x_in);
  const at::Tensor y = at::empty(x.sizes(), x.options());
  const Arguments a = check_arguments(x, y, cos, sin, inverse);
  if (a.count == 0 || a.turn.size == 0) return y;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const unsigned blocks = blocks_for(a.count * (a.turn.size - a.turn.pairs), kThreads);
  with_element(a.element, [&](auto type) {
    turn_kernel<typename decltype(type)::Type>
        <<<blocks, kThreads, 0, stream>>>(a.turn, a.count);
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("_rope", TORCH_FN(rope)); }

} // namespace anneal::rope
